import type { EntityManager } from 'typeorm';
import { prepared } from '#core';
import { silenceSeconds, type ServerSource } from '../server-source.js';
import type { Server } from '../server.entity.js';

const ADD = prepared(
  `INSERT INTO server_polls (server_id, next_at)
   SELECT id, CASE WHEN readable THEN now() END FROM unnest($1::uuid[], $2::boolean[]) AS s (id, readable)`,
);

/** Makes the poll rows of new servers. What can be read is due at once. Called in the transaction that inserts the servers. */
export async function addPolls(
  manager: EntityManager,
  servers: readonly Pick<Server, 'id' | 'source'>[],
): Promise<void> {
  await manager.query(ADD, [servers.map(({ id }) => id), servers.map(({ source }) => isRead(source))]);
}

/**
 * Starts polling afresh after a change of source or status: due at once, nothing counted, nothing to compare with. A server that
 * pushes has its time until it counts as silent. A reading that is under way has lost its lease and comes to nothing. Called in the
 * transaction that changes the server, after that.
 */
export async function restartPoll(
  manager: EntityManager,
  { id, source }: Pick<Server, 'id' | 'source'>,
): Promise<void> {
  const seconds = isRead(source) ? 0 : source.type === 'push' ? silenceSeconds(source) : null;
  await manager.query(
    `UPDATE server_polls
        SET next_at = now() + $2::integer * interval '1 second', lease = NULL, failures = 0, successes = 0, strained = 0, reading = NULL
      WHERE server_id = $1`,
    [id, seconds],
  );
}

/** Whether EINFRA goes and asks. */
function isRead({ type }: ServerSource): boolean {
  return type !== 'none' && type !== 'push';
}
