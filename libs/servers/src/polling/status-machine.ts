import type { SystemStatus } from '#core';

/** What is known of a server's readings so far: its status, and how many failed or succeeded in a row. */
export interface PollState {
  status: SystemStatus;
  reason: string | null;
  failures: number;
  successes: number;
}

/** The state after a reading, and whether the next one should come sooner than usual to make sure. */
export interface PollTransition extends PollState {
  retrySoon: boolean;
}

/** Failures in a row that turn a server offline which has been seen. */
const FAILURES_TO_OFFLINE = 3;
/** Failures in a row that turn a server offline which has never been seen. */
const FAILURES_WHILE_UNKNOWN = 2;
/** Successes in a row that bring an offline server back. */
const SUCCESSES_TO_ONLINE = 2;

/**
 * N-of-M: one lost reading or one lucky one changes nothing.
 *
 * unknown → online at the first success, → offline after 2 failures; online → offline after 3; offline → online after 2 successes.
 * While that is being counted, the next reading comes soon; an offline server is read at its ordinary interval. Maintenance is
 * never left here. The reason is that of the last failure, and null while the server is online.
 */
export function afterReading(state: PollState, failure: string | null): PollTransition {
  return failure === null ? afterSuccess(state) : afterFailure(state, failure);
}

function afterSuccess({ status, reason, successes: before }: PollState): PollTransition {
  const successes = before + 1;
  const counted = { failures: 0, successes };
  if (status === 'maintenance') return { status, reason, ...counted, retrySoon: false };
  if (status === 'offline' && successes < SUCCESSES_TO_ONLINE) return { status, reason, ...counted, retrySoon: true };
  return { status: 'online', reason: null, ...counted, retrySoon: false };
}

function afterFailure({ status, reason, failures: before }: PollState, failure: string): PollTransition {
  const failures = before + 1;
  const counted = { failures, successes: 0 };
  if (status === 'maintenance') return { status, reason, ...counted, retrySoon: false };
  const limit = status === 'unknown' ? FAILURES_WHILE_UNKNOWN : FAILURES_TO_OFFLINE;
  if (status === 'offline' || failures >= limit)
    return { status: 'offline', reason: failure, ...counted, retrySoon: false };
  return { status, reason: status === 'unknown' ? failure : null, ...counted, retrySoon: true };
}
