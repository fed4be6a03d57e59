import { ValidationFailed } from '#core';
import { type HistoryQuery, MAX_POINTS } from './metrics.dto.js';

/** A stretch of time cut into equal steps; the last one may reach past `to`. Times in milliseconds. */
export interface HistoryWindow {
  from: number;
  to: number;
  stepSeconds: number;
  points: number;
}

const DEFAULT_MS = 60 * 60_000;
const DEFAULT_POINTS = 60;
const DAY_MS = 86_400_000;

/** What a query asks for. Throws ValidationFailed for one that can't be answered. */
export function historyWindow(query: HistoryQuery, retentionDays: number, now = Date.now()): HistoryWindow {
  const to = query.to === undefined ? now : instant(query.to);
  const from = query.from === undefined ? to - DEFAULT_MS : instant(query.from);
  if (from >= to) throw ValidationFailed.at('?from', 'must be before to');
  if (to - from > retentionDays * DAY_MS) {
    throw ValidationFailed.at('?from', `asks for more than the ${retentionDays} days that samples are kept`);
  }
  if (query.step !== undefined && query.points !== undefined)
    throw ValidationFailed.at('?step', 'can’t be given together with points');
  const seconds = (to - from) / 1000;
  const stepSeconds = query.step ?? Math.ceil(seconds / (query.points ?? DEFAULT_POINTS));
  const points = Math.ceil(seconds / stepSeconds);
  if (points > MAX_POINTS)
    throw ValidationFailed.at('?step', `makes ${points} points; at most ${MAX_POINTS} can be answered`);
  return { from, to, stepSeconds, points };
}

/** ISO 8601 without an offset is UTC here; JavaScript would take it for local time. */
function instant(text: string): number {
  const hasTime = text.includes('T');
  return Date.parse(hasTime && !/(Z|[+-]\d{2}(:?\d{2})?)$/i.test(text) ? `${text}Z` : text);
}
