import { createHash } from 'node:crypto';

/** Between the first reading of a server and the second: rates need two. */
export const SECOND_READING_MS = 2_000;
/** How soon a doubtful state is looked at again. */
export const RETRY_MS = 5_000;

/**
 * When a server is read next in its ordinary turn, in milliseconds of the epoch. Turns lie on a grid with a place of its own for each
 * server: nothing drifts, and a fleet spreads over the interval whoever registered when. At least a third of the interval lies between.
 */
export function nextTurn(serverId: string, after: number, intervalMs: number): number {
  const phase = phaseOf(serverId, intervalMs);
  const earliest = after + intervalMs / 3;
  return Math.ceil((earliest - phase) / intervalMs) * intervalMs + phase;
}

/** Where in the interval a server has its turn; the same in every process. */
function phaseOf(serverId: string, intervalMs: number): number {
  return createHash('sha1').update(serverId).digest().readUInt32BE(0) % intervalMs;
}
