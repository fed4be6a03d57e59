import type { EntityManager } from 'typeorm';
import type { Server } from '../server.entity.js';

/** Makes the poll row of a new server. With a source it is due at once. Called in the transaction that inserts the server. */
export async function addPoll(manager: EntityManager, { id, source }: Server): Promise<void> {
  await manager.query('INSERT INTO server_polls (server_id, next_at) VALUES ($1, CASE WHEN $2 THEN now() END)', [
    id,
    source.type !== 'none',
  ]);
}

/**
 * Starts polling afresh after a change of source or status: due at once, nothing counted, nothing to compare with. A reading that
 * is under way has lost its lease and comes to nothing. Called in the transaction that changes the server, after that.
 */
export async function restartPoll(manager: EntityManager, { id, source }: Server): Promise<void> {
  await manager.query(
    `UPDATE server_polls
        SET next_at = CASE WHEN $2 THEN now() END, lease = NULL, failures = 0, successes = 0, reading = NULL
      WHERE server_id = $1`,
    [id, source.type !== 'none'],
  );
}
