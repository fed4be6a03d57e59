import type { EntityManager } from 'typeorm';
import { prepared, type StoredKey } from '#core';
import { HEAD_COLUMNS, headValues, type RawAuditHead } from './audit-head.js';
import type { AuditHead } from './audit-mac.js';
import { AUDIT_COLUMNS, type AuditRow } from './audit-row.js';

/** A row's number and signature. */
export interface ChainLink {
  seq: number;
  mac: Buffer;
}

/** Writes the head of a log that has none yet. */
export async function writeFirstHead(manager: EntityManager, head: AuditHead, key: StoredKey): Promise<void> {
  // a log that has entries and no head has been tampered with: it gets none here
  await manager.query(
    `INSERT INTO audit_head (id, ${HEAD_COLUMNS})
     SELECT 1, $1::bigint, $2::bytea, $3::timestamptz, $4::bigint, $5::bytea, $6::uuid, $7::bytea
     WHERE NOT EXISTS (SELECT 1 FROM audit_entries) ON CONFLICT (id) DO NOTHING`,
    headValues(head, key),
  );
}

// the limits are set before the lock is waited for: a process that is frozen here must not hold up all others
const LOCK = prepared(
  `SELECT ${HEAD_COLUMNS}, clock_timestamp()::timestamptz(3) AS now
   FROM (SELECT set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '5s', true) OFFSET 0) limits, audit_head
   WHERE id = 1 FOR UPDATE OF audit_head`,
);

/** Locks the head for the rest of the transaction. */
export async function lockHead(manager: EntityManager): Promise<{ raw: RawAuditHead | undefined; now: Date }> {
  const [row] = await manager.query<(RawAuditHead & { now: Date })[]>(LOCK);
  return { raw: row, now: row?.now ?? new Date() };
}

/** The last row of the table. */
export async function lastLink(manager: EntityManager): Promise<ChainLink | null> {
  const [row] = await manager.query<{ seq: string; mac: Buffer }[]>(
    'SELECT seq, mac FROM audit_entries ORDER BY seq DESC LIMIT 1',
  );
  return row ? { seq: Number(row.seq), mac: Buffer.from(row.mac) } : null;
}

/** Removes the oldest rows, up to a number; answers the last one and how many there were, null when there was none. */
export async function removeLinks(
  manager: EntityManager,
  upTo: number,
): Promise<(ChainLink & { count: number }) | null> {
  await manager.query(`SELECT set_config('einfra.audit_retention', 'on', true)`);
  const [row] = await manager.query<{ seq: string; mac: Buffer; count: number }[]>(
    `WITH gone AS (DELETE FROM audit_entries WHERE seq <= $1 RETURNING seq, mac)
     SELECT seq, mac, (count(*) OVER ())::int AS count FROM gone ORDER BY seq DESC LIMIT 1`,
    [upTo],
  );
  return row ? { seq: Number(row.seq), mac: Buffer.from(row.mac), count: row.count } : null;
}

const WRITE = prepared(`WITH last AS (SELECT seq, mac FROM audit_entries ORDER BY seq DESC LIMIT 1),
  fits AS (
    SELECT 1 WHERE $1::bigint IS NULL
      OR (coalesce((SELECT seq FROM last), $6::bigint) = $1::bigint AND coalesce((SELECT mac FROM last), $7::bytea) = $2::bytea)
  ),
  moved AS (
    INSERT INTO audit_head (id, ${HEAD_COLUMNS})
    SELECT 1, $3::bigint, $4::bytea, $5::timestamptz, $6::bigint, $7::bytea, $8::uuid, $9::bytea FROM fits WHERE true
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, at = excluded.at, base_seq = excluded.base_seq,
      base_mac = excluded.base_mac, key_id = excluded.key_id, head_mac = excluded.head_mac
  ),
  written AS (
    INSERT INTO audit_entries (${AUDIT_COLUMNS})
    SELECT added.* FROM fits, unnest($10::bigint[], $11::text[], $12::bigint[], $13::uuid[], $14::timestamptz[], $15::text[], $16::text[],
      $17::text[], $18::text[], $19::text[], $20::text[], $21::uuid[], $22::text[], $23::uuid[], $24::bytea[]) added
  )
  SELECT EXISTS (SELECT 1 FROM fits) AS written`);

/**
 * Writes rows and head in one statement, since all writers wait for the lock meanwhile. Nothing is written, and the answer is false,
 * when `expected` is not the last row of the table (null: whatever it is).
 */
export async function writeLinks(
  manager: EntityManager,
  rows: readonly AuditRow[],
  head: AuditHead,
  key: StoredKey,
  expected: ChainLink | null,
): Promise<boolean> {
  const column = <K extends keyof AuditRow>(name: K): AuditRow[K][] => rows.map((row) => row[name]);
  const [answer] = await manager.query<{ written: boolean }[]>(WRITE, [
    expected?.seq ?? null,
    expected?.mac ?? null,
    ...headValues(head, key),
    column('seq'),
    column('phase'),
    column('entrySeq'),
    column('actionId'),
    rows.map(({ at }) => at.toISOString()),
    column('actorId'),
    column('actorName'),
    column('action'),
    column('resourceType'),
    column('resourceId'),
    column('outcome'),
    column('instanceId'),
    column('payload'),
    column('keyId'),
    column('mac'),
  ]);
  return answer?.written ?? false;
}
