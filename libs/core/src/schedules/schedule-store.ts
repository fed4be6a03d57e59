import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** A schedule that is silent for longer than this while it runs has lost its process. */
const LEASE_SECONDS = 20;

/** A row of `schedules` as the driver answers it. */
export interface ScheduleRow {
  name: string;
  description: string;
  rule: string;
  jitter_seconds: number;
  turn_at: Date;
  next_run_at: Date;
  run_requested: boolean;
  run_number: string;
  running_until: Date | null;
  last_run_at: Date | null;
  last_finished_at: Date | null;
  last_outcome: 'succeeded' | 'failed' | null;
  last_error: string | null;
  /** The clock of the database, the only one that counts. */
  now: Date;
}

/** A turn, and when the one after it is. */
export interface Turn {
  turnAt: Date;
  nextRunAt: Date;
}

const SELECT = 'SELECT *, clock_timestamp()::timestamptz(3) AS now FROM schedules';

/** The rows of schedules, which all processes share. */
@Injectable()
export class ScheduleStore {
  constructor(private readonly dataSource: DataSource) {}

  async now(): Promise<Date> {
    const [row] = await this.dataSource.query<{ now: Date }[]>('SELECT clock_timestamp()::timestamptz(3) AS now');
    return (row as { now: Date }).now;
  }

  /** Makes the row of a schedule, or brings it up to date; a rule that has changed begins anew. */
  async ensure(row: Pick<ScheduleRow, 'name' | 'description' | 'rule' | 'jitter_seconds'>, first: Turn): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO schedules AS s (name, description, rule, jitter_seconds, turn_at, next_run_at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (name) DO UPDATE SET description = excluded.description, rule = excluded.rule, jitter_seconds = excluded.jitter_seconds,
         turn_at = CASE WHEN s.rule = excluded.rule THEN s.turn_at ELSE excluded.turn_at END,
         next_run_at = CASE WHEN s.rule = excluded.rule THEN s.next_run_at ELSE excluded.next_run_at END`,
      [
        row.name,
        row.description,
        row.rule,
        row.jitter_seconds,
        first.turnAt.toISOString(),
        first.nextRunAt.toISOString(),
      ],
    );
  }

  list(names: string[]): Promise<ScheduleRow[]> {
    return this.dataSource.query(`${SELECT} WHERE name = ANY($1) ORDER BY name`, [names]);
  }

  /**
   * Takes every turn that is due, and answers the rows as they are then. Turn and claim are one: whoever moves the row to its next
   * turn runs this one, and nobody else does, even if it dies over it.
   */
  take(names: string[], after: (row: ScheduleRow) => Turn): Promise<ScheduleRow[]> {
    return this.dataSource.transaction(async (manager) => {
      const due = await manager.query<ScheduleRow[]>(
        `${SELECT} WHERE name = ANY($1) AND (next_run_at <= now() OR run_requested)
           AND (running_until IS NULL OR running_until < now()) FOR UPDATE SKIP LOCKED`,
        [names],
      );
      const taken: ScheduleRow[] = [];
      for (const row of due) {
        // run at somebody's wish, it keeps its turn
        const turn = row.next_run_at > row.now ? { turnAt: row.turn_at, nextRunAt: row.next_run_at } : after(row);
        const rows = await manager.query<ScheduleRow[]>(
          `WITH taken AS (
             UPDATE schedules SET turn_at = $2, next_run_at = $3, run_requested = false, run_number = run_number + 1,
               running_until = now() + make_interval(secs => $4), last_run_at = clock_timestamp(), last_finished_at = NULL,
               last_outcome = NULL, last_error = NULL
             WHERE name = $1 RETURNING *
           ) SELECT *, clock_timestamp()::timestamptz(3) AS now FROM taken`,
          [row.name, turn.turnAt.toISOString(), turn.nextRunAt.toISOString(), LEASE_SECONDS],
        );
        taken.push(...rows);
      }
      return taken;
    });
  }

  /** Says that these runs go on; false for those that are not this process's any more. */
  async extend(runs: Pick<ScheduleRow, 'name' | 'run_number'>[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ name: string }[]>(
      `WITH held AS (
         UPDATE schedules s SET running_until = now() + make_interval(secs => $3)
         FROM unnest($1::text[], $2::bigint[]) run (name, number) WHERE s.name = run.name AND s.run_number = run.number
           AND running_until IS NOT NULL RETURNING s.name
       ) SELECT name FROM held`,
      [runs.map(({ name }) => name), runs.map((run) => run.run_number), LEASE_SECONDS],
    );
    return new Set(rows.map(({ name }) => name));
  }

  async finish(
    { name, run_number: number }: Pick<ScheduleRow, 'name' | 'run_number'>,
    error: string | null,
  ): Promise<void> {
    await this.dataSource.query(
      `UPDATE schedules SET running_until = NULL, last_finished_at = now(), last_outcome = $3, last_error = $4
       WHERE name = $1 AND run_number = $2`,
      [name, number, error === null ? 'succeeded' : 'failed', error],
    );
  }

  /** Runs of processes that are gone have failed. */
  async failLost(): Promise<void> {
    await this.dataSource.query(
      `UPDATE schedules SET running_until = NULL, last_finished_at = now(), last_outcome = 'failed',
         last_error = 'The process that ran it ended before the work was done.'
       WHERE running_until < now()`,
    );
  }

  async request(name: string): Promise<void> {
    await this.dataSource.query('UPDATE schedules SET run_requested = true WHERE name = $1', [name]);
  }
}
