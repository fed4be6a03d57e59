import { type InputError, ValidationFailed } from '#core';
import { METRIC_FIELDS } from '../metrics/sample-columns.js';
import type { MetricSample } from '../node-exporter-metrics.js';
import type { PushedSampleDto, PushMetricsDto } from './push.dto.js';
import type { RejectedSampleView } from './push.view.js';

/** By how much the clock of a sender may be ahead of ours. */
const AHEAD_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** A sample with its place in the request. */
export interface PlacedSample {
  index: number;
  sample: MetricSample;
}

/** The samples of a request, and those whose time rules them out. Throws ValidationFailed for a body that is neither form. */
export function sortOut(
  body: PushMetricsDto,
  retentionDays: number,
  now: number,
): { usable: PlacedSample[]; rejected: RejectedSampleView[] } {
  const usable: PlacedSample[] = [];
  const rejected: RejectedSampleView[] = [];
  const seen = new Set<number>();
  for (const [index, given] of samplesOf(body).entries()) {
    const at = given.at == null ? now : instant(given.at);
    if (at > now + AHEAD_MS) rejected.push({ index, reason: 'in_the_future' });
    else if (at < now - retentionDays * DAY_MS) rejected.push({ index, reason: 'too_old' });
    else if (seen.has(at)) rejected.push({ index, reason: 'duplicate' });
    else usable.push({ index, sample: complete(given, at) });
    seen.add(at);
  }
  return { usable, rejected };
}

function samplesOf({ samples, ...single }: PushMetricsDto): PushedSampleDto[] {
  if (samples == null) return checked([single], () => '');
  const beside = Object.entries(single).filter(([, value]) => value !== undefined);
  if (beside.length > 0)
    throw new ValidationFailed(
      beside.map(([field]) => ({ pointer: `/${field}`, message: 'can’t stand beside samples' })),
    );
  return checked(samples, (index) => `/samples/${index}`);
}

/** A sample without any figure is a mistake of the sender. */
function checked(samples: PushedSampleDto[], pointerOf: (index: number) => string): PushedSampleDto[] {
  const errors: InputError[] = samples.flatMap((sample, index) =>
    METRIC_FIELDS.some((field) => sample[field] != null)
      ? []
      : [{ pointer: pointerOf(index), message: 'has no figure at all' }],
  );
  if (errors.length > 0) throw new ValidationFailed(errors);
  return samples;
}

/** With null for what was left out. To the millisecond, as times are stored. */
function complete(given: PushedSampleDto, at: number): MetricSample {
  const figures = Object.fromEntries(METRIC_FIELDS.map((field) => [field, given[field] ?? null]));
  return { ...figures, at: new Date(at) } as MetricSample;
}

/** ISO 8601 without an offset is UTC here; JavaScript would take it for local time. */
function instant(text: string): number {
  return Date.parse(text.includes('T') && !/(Z|[+-]\d{2}(:?\d{2})?)$/i.test(text) ? `${text}Z` : text);
}
