import type { EntityManager } from 'typeorm';
import type { Permission } from '../access/permissions.js';
import type { SystemKind } from '../systems/system-kind.js';
import { prepared } from '../database/prepared.js';
import type { EventCursor } from './event-cursor.js';
import type { NewEvent, StoredEvent } from './events.js';

interface Row {
  id: string;
  at: Date;
  type: string;
  system_kind: SystemKind | null;
  system_id: string | null;
  environment: string | null;
  part: string | null;
  permission: Permission;
  resource_type: string;
  resource_id: string | null;
  resource_name: string | null;
  data: object;
  instance_id: string;
}

const INSERT = `INSERT INTO events (type, system_kind, system_id, environment, part, permission,
    resource_type, resource_id, resource_name, data, instance_id)
  SELECT e.*, $11::uuid FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::json[]) AS e
  RETURNING id`;

const WRITE = prepared(INSERT);
const WRITE_AND_ANNOUNCE = prepared(`WITH written AS (${INSERT}) SELECT pg_notify($12, max(id)::text) FROM written`);

/** Writes events, and announces the highest of their numbers in a channel. */
export async function insertEvents(
  manager: EntityManager,
  events: readonly NewEvent[],
  instanceId: string,
  channel: string | null,
): Promise<void> {
  await manager.query(channel === null ? WRITE : WRITE_AND_ANNOUNCE, [
    events.map(({ type }) => type),
    events.map(({ target }) => target.kind ?? null),
    events.map(({ target }) => target.id ?? null),
    events.map(({ target }) => target.environment ?? null),
    events.map(({ target }) => target.part ?? null),
    events.map(({ permission }) => permission),
    events.map(({ resource }) => resource.type),
    events.map(({ resource }) => resource.id),
    events.map(({ resource }) => resource.name),
    events.map(({ data }) => JSON.stringify(data)),
    instanceId,
    ...(channel === null ? [] : [channel]),
  ]);
}

/** Reads what a cursor has not seen, in the order of numbers, and moves it on. */
export async function readEvents(
  manager: Pick<EntityManager, 'query'>,
  cursor: EventCursor,
  limit: number,
): Promise<StoredEvent[]> {
  const rows: Row[] = await manager.query(
    'SELECT * FROM events WHERE id > $1 OR id = ANY($2::bigint[]) ORDER BY id LIMIT $3',
    [cursor.position, cursor.missing(), limit],
  );
  return rows.filter(({ id }) => cursor.see(Number(id))).map((row) => ({ ...eventOf(row), cursor: cursor.toString() }));
}

function eventOf(row: Row): Omit<StoredEvent, 'cursor'> {
  return {
    id: Number(row.id),
    at: row.at,
    type: row.type,
    target: {
      kind: row.system_kind ?? undefined,
      id: row.system_id ?? undefined,
      environment: row.environment,
      part: row.part ?? undefined,
    },
    permission: row.permission,
    resource: { type: row.resource_type, id: row.resource_id, name: row.resource_name },
    data: row.data,
    instanceId: row.instance_id,
  };
}
