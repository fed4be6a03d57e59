import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Encryption, encryptedColumn } from '../secrets/encryption.js';
import { OPERATION_COLUMNS, type OperationEnd, type OperationRow } from './operation-row.js';

const SEALED_INPUT = encryptedColumn('operations', 'sealed_input');

/** A new line of an operation's log. */
export interface NewLine {
  seq: number;
  at: Date;
  line: string;
}

/** What a new operation is made of. */
export type NewOperation = Pick<
  OperationRow,
  | 'id'
  | 'type'
  | 'permission'
  | 'target_kind'
  | 'target_id'
  | 'target_environment'
  | 'target_part'
  | 'resource_type'
  | 'resource_id'
  | 'resource_name'
  | 'started_by_id'
  | 'started_by_name'
  | 'retry_of'
>;

/**
 * The rows of operations. What a runner writes names its attempt: once another has taken the operation, or it has ended, the
 * statement finds nothing and the answer is null.
 */
@Injectable()
export class OperationStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly encryption: Encryption,
  ) {}

  async insert(manager: EntityManager, row: NewOperation, input: unknown): Promise<OperationRow> {
    const values = { ...row, sealed_input: this.encryption.seal(SEALED_INPUT, row.id, JSON.stringify(input ?? null)) };
    const [inserted] = await manager.query<OperationRow[]>(
      `INSERT INTO operations (${Object.keys(values).join(', ')})
       VALUES (${Object.keys(values)
         .map((_, index) => `$${index + 1}`)
         .join(', ')}) RETURNING ${OPERATION_COLUMNS}`,
      Object.values(values),
    );
    return inserted as OperationRow;
  }

  async find(id: string): Promise<(OperationRow & { result: string | null }) | null> {
    const rows = await this.dataSource.query<(OperationRow & { result: string | null })[]>(
      `SELECT ${OPERATION_COLUMNS}, result FROM operations WHERE id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }

  /** The input, decrypted; null when the operation is gone or has succeeded, after which nobody needs it. */
  async input(id: string): Promise<{ value: unknown } | null> {
    const [row] = await this.dataSource.query<{ sealed_input: string | null }[]>(
      'SELECT sealed_input FROM operations WHERE id = $1',
      [id],
    );
    if (row?.sealed_input == null) return null;
    return { value: JSON.parse(this.encryption.open(SEALED_INPUT, id, row.sealed_input)) as unknown };
  }

  /** Takes an operation for a new attempt. A row that still runs was left by a runner that died, or is thought to be dead. */
  async claim(id: string, types: string[]): Promise<OperationRow | null> {
    return this.change(
      `UPDATE operations SET state = 'running', attempt = attempt + 1, deaths = deaths + (state = 'running')::int,
         started_at = coalesce(started_at, now()), revision = revision + 1
       WHERE id = $1 AND type = ANY($2) AND state IN ('queued', 'running')`,
      [id, types],
    );
  }

  /** Keeps progress and lines. */
  async keep(id: string, attempt: number, progress: number | null, lines: NewLine[]): Promise<boolean> {
    const rows = await this.dataSource.query<unknown[]>(
      `WITH run AS (
         UPDATE operations SET progress = $3, log_count = log_count + cardinality($4::int[]), revision = revision + 1
         WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING id
       ), lines AS (
         INSERT INTO operation_log (operation_id, seq, at, line)
         SELECT run.id, line.* FROM run, unnest($4::int[], $5::timestamptz[], $6::text[]) line
       )
       SELECT id FROM run`,
      [
        id,
        attempt,
        progress,
        lines.map(({ seq }) => seq),
        lines.map(({ at }) => at.toISOString()),
        lines.map(({ line }) => line),
      ],
    );
    return rows.length > 0;
  }

  /** Ends an operation of this attempt. */
  end(
    manager: EntityManager,
    id: string,
    attempt: number,
    { state, result, problem }: OperationEnd,
  ): Promise<OperationRow | null> {
    return this.change(
      `UPDATE operations SET state = $3, result = $4, problem = $5, finished_at = now(), revision = revision + 1,
         progress = CASE WHEN $3 = 'succeeded' THEN 100 ELSE progress END,
         sealed_input = CASE WHEN $3 = 'succeeded' THEN NULL ELSE sealed_input END
       WHERE id = $1 AND attempt = $2 AND state = 'running'`,
      [
        id,
        attempt,
        state,
        result === undefined ? null : JSON.stringify(result),
        problem === undefined ? null : JSON.stringify(problem),
      ],
      manager,
    );
  }

  /** Gives an operation back: the next runner begins anew. */
  async giveBack(id: string, attempt: number): Promise<void> {
    await this.change(
      `UPDATE operations SET state = 'queued', revision = revision + 1 WHERE id = $1 AND attempt = $2 AND state = 'running'`,
      [id, attempt],
    );
  }

  /** Ends one that is open and has no job any more. */
  abandon(manager: EntityManager, id: string, problem: OperationEnd['problem']): Promise<OperationRow | null> {
    return this.change(
      `UPDATE operations SET state = 'failed', problem = $2, finished_at = now(), revision = revision + 1
       WHERE id = $1 AND state IN ('queued', 'running')`,
      [id, JSON.stringify(problem)],
      manager,
    );
  }

  /**
   * Asks for the end of operations, in the transaction of `manager`: those that wait are cancelled, and answered; those that run
   * are told. `condition` is one of ours.
   */
  async cancel(manager: EntityManager, condition: string, parameters: unknown[]): Promise<OperationRow[]> {
    const rows = await manager.query<OperationRow[]>(
      `WITH asked AS (
         UPDATE operations SET cancel_requested_at = coalesce(cancel_requested_at, now()), revision = revision + 1,
           finished_at = CASE WHEN state = 'queued' THEN now() END,
           state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
         WHERE state IN ('queued', 'running') AND ${condition} RETURNING ${OPERATION_COLUMNS}
       ) SELECT * FROM asked`,
      parameters,
    );
    return rows.filter(({ state }) => state === 'cancelled');
  }

  /** Where the operations of running handlers stand now. */
  standing(ids: string[]): Promise<Pick<OperationRow, 'id' | 'state' | 'attempt' | 'cancel_requested_at'>[]> {
    return this.dataSource.query('SELECT id, state, attempt, cancel_requested_at FROM operations WHERE id = ANY($1)', [
      ids,
    ]);
  }

  lines(id: string, after: number, limit: number): Promise<NewLine[]> {
    return this.dataSource.query(
      'SELECT seq, at, line FROM operation_log WHERE operation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
      [id, after, limit],
    );
  }

  /** Ends that the audit log may not know of: their process died between one and the other. */
  unrecorded(limit: number): Promise<OperationRow[]> {
    return this.dataSource.query(
      `SELECT ${OPERATION_COLUMNS} FROM operations
       WHERE finished_at < now() - interval '30 seconds' AND NOT end_recorded ORDER BY finished_at LIMIT $1`,
      [limit],
    );
  }

  async markRecorded(id: string): Promise<void> {
    await this.dataSource.query('UPDATE operations SET end_recorded = true WHERE id = $1', [id]);
  }

  /** Open operations that are a minute old, oldest first, after the one given. */
  open(after: { created_at: Date; id: string } | null, limit: number): Promise<{ id: string; created_at: Date }[]> {
    return this.dataSource.query(
      `SELECT id, created_at FROM operations
       WHERE state IN ('queued', 'running') AND created_at < now() - interval '1 minute'
         AND ($1::timestamptz IS NULL OR (created_at, id) > ($1, $2)) ORDER BY created_at, id LIMIT $3`,
      [after?.created_at ?? null, after?.id ?? null, limit],
    );
  }

  /** Removes some that ended so many days ago; answers how many. */
  async removeOld(days: number, limit: number): Promise<number> {
    const rows = await this.dataSource.query<unknown[]>(
      `WITH removed AS (
         DELETE FROM operations WHERE id IN (
           SELECT id FROM operations WHERE finished_at < now() - make_interval(days => $1) AND end_recorded
           ORDER BY finished_at LIMIT $2) RETURNING id
       ) SELECT id FROM removed`,
      [days, limit],
    );
    return rows.length;
  }

  private async change(
    update: string,
    parameters: unknown[],
    queries: Pick<EntityManager, 'query'> = this.dataSource,
  ): Promise<OperationRow | null> {
    const rows = await queries.query<OperationRow[]>(
      `WITH changed AS (${update} RETURNING ${OPERATION_COLUMNS}) SELECT * FROM changed`,
      parameters,
    );
    return rows[0] ?? null;
  }
}
