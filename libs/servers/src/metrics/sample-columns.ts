import type { MetricSample } from '../node-exporter-metrics.js';

/** A figure of a sample; all can be missing. */
export type MetricField = Exclude<keyof MetricSample, 'at'>;

/** How each figure is stored. The migration has the same columns. */
export const SAMPLE_COLUMNS: Readonly<Record<MetricField, { column: string; type: 'real' | 'bigint' }>> = {
  cpuPercent: { column: 'cpu_percent', type: 'real' },
  memoryPercent: { column: 'memory_percent', type: 'real' },
  memoryUsedBytes: { column: 'memory_used_bytes', type: 'bigint' },
  memoryTotalBytes: { column: 'memory_total_bytes', type: 'bigint' },
  diskPercent: { column: 'disk_percent', type: 'real' },
  diskUsedBytes: { column: 'disk_used_bytes', type: 'bigint' },
  diskTotalBytes: { column: 'disk_total_bytes', type: 'bigint' },
  networkReceiveBytesPerSecond: { column: 'network_receive_bytes_per_second', type: 'real' },
  networkTransmitBytesPerSecond: { column: 'network_transmit_bytes_per_second', type: 'real' },
  load1: { column: 'load1', type: 'real' },
  load5: { column: 'load5', type: 'real' },
  load15: { column: 'load15', type: 'real' },
  uptimeSeconds: { column: 'uptime_seconds', type: 'bigint' },
};

export const METRIC_FIELDS = Object.keys(SAMPLE_COLUMNS) as MetricField[];

/** Figures that history shows; the index covers them. */
export const CHARTED_FIELDS = [
  'cpuPercent',
  'memoryPercent',
  'memoryUsedBytes',
  'diskPercent',
  'diskUsedBytes',
  'networkReceiveBytesPerSecond',
  'networkTransmitBytesPerSecond',
  'load1',
  'load5',
  'load15',
] as const satisfies readonly MetricField[];

/** The value as its column can hold it. What no column can hold is missing: one exporter's nonsense must not fail a batch. */
export function storable(field: MetricField, value: number | null): number | null {
  if (value === null) return null;
  const stored = SAMPLE_COLUMNS[field].type === 'real' ? Math.fround(value) : Math.round(value);
  const fits = SAMPLE_COLUMNS[field].type === 'real' ? Number.isFinite(stored) : Number.isSafeInteger(stored);
  return fits ? stored : null;
}
