import type { EntityManager } from 'typeorm';
import type { Events } from '#core';
import { serverEvent, type ServerRef } from '../server-events.js';
import { type FoundFacts, type MachineFacts, mergeFacts } from './machine-facts.js';

/** Facts of a server that are new. */
export interface ChangedFacts {
  server: ServerRef;
  facts: MachineFacts;
  changed: readonly (keyof MachineFacts)[];
}

/** Keeps new facts and says so with an event. Called in the transaction that holds the servers' rows; `version` does not move. */
export async function saveFacts(
  manager: EntityManager,
  events: Events,
  changes: readonly ChangedFacts[],
): Promise<void> {
  if (changes.length === 0) return;
  await manager.query(
    `INSERT INTO server_facts (server_id, facts) SELECT * FROM unnest($1::uuid[], $2::json[])
     ON CONFLICT (server_id) DO UPDATE SET facts = excluded.facts, changed_at = now()`,
    [changes.map(({ server }) => server.id), changes.map(({ facts }) => JSON.stringify(facts))],
  );
  await events.publish(
    manager,
    ...changes.map(({ server, changed }) => serverEvent('server.facts.changed', server, { changed })),
  );
}

/** Adds what a source has told to the facts of one server. Its row is locked first, as everywhere. */
export async function addFacts(
  manager: EntityManager,
  events: Events,
  serverId: string,
  found: FoundFacts,
): Promise<void> {
  const [row]: (ServerRef & { facts: MachineFacts | null })[] = await manager.query(
    `SELECT s.id, s.name, s.environment, (SELECT facts FROM server_facts f WHERE f.server_id = s.id) AS facts
       FROM servers s WHERE s.id = $1 FOR NO KEY UPDATE OF s`,
    [serverId],
  );
  const merged = row && mergeFacts(row.facts, found);
  if (row && merged) await saveFacts(manager, events, [{ server: row, ...merged }]);
}
