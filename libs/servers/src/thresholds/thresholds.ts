import type { MetricSample } from '../node-exporter-metrics.js';

/** Figures whose height makes a server degraded. */
export const THRESHOLD_FIELDS = ['cpuPercent', 'memoryPercent', 'diskPercent'] as const;

/** From which percentage on a server is degraded. Absent: whatever the environment says; null: never. */
export type Thresholds = { [Field in (typeof THRESHOLD_FIELDS)[number]]?: number | null };

const NAMES = { cpuPercent: 'CPU', memoryPercent: 'Memory', diskPercent: 'Disk' } as const;

/** What a sample is over, in a sentence; null when it is over nothing. A figure that is missing is over nothing. */
export function strainOf(sample: Pick<MetricSample, keyof Thresholds>, thresholds: Thresholds): string | null {
  const over = THRESHOLD_FIELDS.flatMap((field) => {
    const [value, limit] = [sample[field], thresholds[field]];
    return value != null && limit != null && value >= limit
      ? [`${NAMES[field]} is at ${Math.round(value)} %, limit ${limit} %.`]
      : [];
  });
  return over.length === 0 ? null : over.join(' ');
}

/** SQL: the thresholds that hold for the server `s`, as `thresholds.effective`. For the FROM clause. */
export const EFFECTIVE_THRESHOLDS = `CROSS JOIN LATERAL (
  SELECT coalesce((SELECT t.thresholds FROM status_thresholds t WHERE t.environment = s.environment), '{}')
      || coalesce((SELECT t.thresholds FROM status_thresholds t WHERE t.server_id = s.id), '{}') AS effective) thresholds`;
