import { ValidationFailed } from '#core';
import { type HistoryQuery, MAX_POINTS } from './metrics.dto.js';
import { floor, ROLL_UP_SECONDS } from './roll-up.js';

/** A stretch of time cut into equal steps; the last one may reach past `to`. Times in milliseconds. */
export interface HistoryWindow {
  from: number;
  to: number;
  stepSeconds: number;
  points: number;
  /** Whether it is read from the 5-minute roll-up; its steps are whole multiples of that then. */
  rolledUp: boolean;
}

/** For how many days there are samples, and rows of the roll-up. */
export interface Retention {
  samples: number;
  rollUp: number;
}

const DEFAULT_MS = 60 * 60_000;
const DEFAULT_POINTS = 60;
const DAY_MS = 86_400_000;

/** What a query asks for. Throws ValidationFailed for one that can't be answered. */
export function historyWindow(query: HistoryQuery, retention: Retention, now = Date.now()): HistoryWindow {
  const to = query.to === undefined ? now : instant(query.to);
  const asked = query.from === undefined ? to - DEFAULT_MS : instant(query.from);
  if (asked >= to) throw ValidationFailed.at('?from', 'must be before to');
  const days = Math.max(retention.samples, retention.rollUp);
  if (to - asked > days * DAY_MS)
    throw ValidationFailed.at('?from', `asks for more than the ${days} days that are kept`);
  if (query.step !== undefined && query.points !== undefined)
    throw ValidationFailed.at('?step', 'can’t be given together with points');
  const rolledUp = to - asked > DAY_MS && (query.step ?? ROLL_UP_SECONDS) % ROLL_UP_SECONDS === 0;
  if (!rolledUp && to - asked > retention.samples * DAY_MS) {
    throw ValidationFailed.at(
      '?step',
      `must be a multiple of ${ROLL_UP_SECONDS} for more than ${retention.samples} days`,
    );
  }
  const from = rolledUp ? floor(asked) : asked;
  const seconds = (to - from) / 1000;
  const unit = rolledUp ? ROLL_UP_SECONDS : 1;
  const stepSeconds = query.step ?? Math.ceil(seconds / (query.points ?? DEFAULT_POINTS) / unit) * unit;
  const points = Math.ceil(seconds / stepSeconds);
  if (points > MAX_POINTS)
    throw ValidationFailed.at('?step', `makes ${points} points; at most ${MAX_POINTS} can be answered`);
  return { from, to, stepSeconds, points, rolledUp };
}

/** ISO 8601 without an offset is UTC here; JavaScript would take it for local time. */
function instant(text: string): number {
  const hasTime = text.includes('T');
  return Date.parse(hasTime && !/(Z|[+-]\d{2}(:?\d{2})?)$/i.test(text) ? `${text}Z` : text);
}
