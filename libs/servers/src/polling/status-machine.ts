import type { SystemStatus } from '#core';

/** What is known of a server's readings so far: its status, and how many failed or succeeded in a row. */
export interface PollState {
  status: SystemStatus;
  reason: string | null;
  failures: number;
  successes: number;
  /** Readings in a row that speak against the status: over a threshold while it is online, under all of them while it is degraded. */
  strained: number;
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
/** Readings in a row over a threshold that make a server degraded, and under all that end it. */
const READINGS_TO_TURN = 3;

/**
 * N-of-M: one lost reading or one lucky one changes nothing.
 *
 * unknown → online at the first success, → offline after 2 failures; online, degraded → offline after 3; offline → online after 2
 * successes; online → degraded after 3 readings over a threshold, and back after 3 under all of them. While failures or a return are
 * being counted, the next reading comes soon; an offline server is read at its ordinary interval. Maintenance is never left here. The
 * reason is that of the last failure or strain, and null while the server is online.
 */
export function afterReading(state: PollState, failure: string | null, strain: string | null = null): PollTransition {
  return failure === null ? afterSuccess(state, strain) : afterFailure(state, failure);
}

function afterSuccess(state: PollState, strain: string | null): PollTransition {
  const { status, reason } = state;
  const counted = { failures: 0, successes: state.successes + 1, strained: 0 };
  if (status === 'maintenance') return { status, reason, ...counted, retrySoon: false };
  if (status === 'offline' && counted.successes < SUCCESSES_TO_ONLINE)
    return { status, reason, ...counted, retrySoon: true };
  return { ...counted, ...weigh(state, strain), retrySoon: false };
}

/** Online or degraded, by what the last readings said of the thresholds. */
function weigh(
  { status, reason, strained }: PollState,
  strain: string | null,
): Pick<PollState, 'status' | 'reason' | 'strained'> {
  const degraded = status === 'degraded';
  const against = degraded === (strain === null) ? strained + 1 : 0;
  const turns = against >= READINGS_TO_TURN;
  if (degraded === turns) return { status: 'online', reason: null, strained: turns ? 0 : against };
  return { status: 'degraded', reason: strain ?? reason, strained: turns ? 0 : against };
}

function afterFailure({ status, reason, failures: before, strained }: PollState, failure: string): PollTransition {
  const failures = before + 1;
  const counted = { failures, successes: 0, strained };
  if (status === 'maintenance') return { status, reason, ...counted, retrySoon: false };
  const limit = status === 'unknown' ? FAILURES_WHILE_UNKNOWN : FAILURES_TO_OFFLINE;
  if (status === 'offline' || failures >= limit)
    return { status: 'offline', reason: failure, ...counted, strained: 0, retrySoon: false };
  return { status, reason: status === 'unknown' ? failure : reason, ...counted, retrySoon: true };
}
