import type { ScheduleRow } from './schedule-store.js';

/** Work that EINFRA does again and again. */
export class ScheduleView {
  /** @example "audit.retention" */
  name!: string;
  description!: string;
  /**
   * When it is done: `every <n> s`, or a cron expression in UTC.
   * @example "every 86400 s"
   */
  rule!: string;
  running!: boolean;
  /** When it is done next, by the clock of the database. */
  nextRunAt!: Date;
  /** When it was done last, or began to be; null before the first time. */
  lastRunAt!: Date | null;
  lastFinishedAt!: Date | null;
  /** Null before the first time, and while it runs. */
  lastOutcome!: 'succeeded' | 'failed' | null;
  /** Why it failed. */
  lastError!: string | null;

  static of(row: ScheduleRow): ScheduleView {
    return {
      name: row.name,
      description: row.description,
      rule: row.rule,
      running: row.running_until !== null && row.running_until > row.now,
      nextRunAt: row.run_requested ? row.now : row.next_run_at,
      lastRunAt: row.last_run_at,
      lastFinishedAt: row.last_finished_at,
      lastOutcome: row.last_outcome,
      lastError: row.last_error,
    };
  }
}
