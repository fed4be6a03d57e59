import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { APP_CONFIG, type AppConfig } from '#core';
import { CHARTED_FIELDS, SAMPLE_COLUMNS } from './sample-columns.js';

/** Length of what a row of the roll-up stands for. */
export const ROLL_UP_SECONDS = 300;
const BUCKET_MS = ROLL_UP_SECONDS * 1000;
/** Samples are written soon after they are taken; those that come later still are put in where they belong. */
const LAG_MS = 30_000;
/** What was rolled up last is looked at again, for samples whose transactions ended late. */
const OVERLAP_MS = 2 * BUCKET_MS;
/** At a time, after a long stop. */
const STRETCH_MS = 6 * 60 * 60_000;
const DAY_MS = 86_400_000;

const COLUMNS = CHARTED_FIELDS.map((field) => SAMPLE_COLUMNS[field].column);
const FIGURES = COLUMNS.flatMap((column) => ['n', 'avg', 'min', 'max'].map((figure) => `${column}_${figure}`));
const AGGREGATES = COLUMNS.flatMap((column) => [
  `count(${column}) AS ${column}_n`,
  // in double precision, whatever is averaged: a float4 loses digits, a bigint becomes numeric, which is slow
  ...['avg', 'min', 'max'].map((figure) => `${figure}(${column}::float8) AS ${column}_${figure}`),
]);

/** `targets` answers rows (server_id, since, until); what is measured in between is rolled up, by one index-only scan each. */
function rollUpOf(targets: string): string {
  return `
    INSERT INTO server_samples_5m (server_id, ts, ${FIGURES.join(', ')})
    SELECT target.server_id, figures.* FROM (${targets}) target CROSS JOIN LATERAL (
      SELECT date_bin('${ROLL_UP_SECONDS} seconds', ts, 'epoch') AS bucket, ${AGGREGATES.join(', ')}
        FROM server_samples
       WHERE server_id = target.server_id AND ts >= target.since AND ts < target.until
       GROUP BY 1) figures
    ON CONFLICT (server_id, ts) DO UPDATE SET ${FIGURES.map((figure) => `${figure} = excluded.${figure}`).join(', ')}`;
}

const ROLL_UP_ALL = rollUpOf('SELECT server_id, $1::timestamptz AS since, $2::timestamptz AS until FROM server_polls');
const ROLL_UP_AGAIN = rollUpOf(
  `SELECT $1::uuid AS server_id, bucket AS since, bucket + interval '${ROLL_UP_SECONDS} seconds' AS until FROM unnest($2::timestamptz[]) bucket`,
);

/** Five minutes of samples in a row: what history over more than a day is read from, and what is kept longer. */
@Injectable()
export class RollUp {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Rolls up what is complete by now. Of several processes one does it. */
  async advance(now = Date.now()): Promise<void> {
    const target = floor(now - LAG_MS);
    while (await this.dataSource.transaction((manager) => advanceOnce(manager, target)));
  }

  /** Removes rows past their time. */
  async dropOld(now = Date.now()): Promise<void> {
    // server by server: the key begins with it
    await this.dataSource.query(
      'DELETE FROM server_samples_5m m USING server_polls p WHERE m.server_id = p.server_id AND m.ts < $1',
      [new Date(now - this.config.metricsRollupDays * DAY_MS)],
    );
  }
}

/** One stretch further; whether there is more. */
async function advanceOnce(manager: EntityManager, target: number): Promise<boolean> {
  const [row]: { until: Date }[] = await manager.query('SELECT until FROM server_rollup FOR UPDATE SKIP LOCKED');
  if (!row || row.until.getTime() >= target) return false;
  const until = Math.min(target, row.until.getTime() + STRETCH_MS);
  await manager.query(ROLL_UP_ALL, [new Date(row.until.getTime() - OVERLAP_MS), new Date(until)]);
  await manager.query('UPDATE server_rollup SET until = $1', [new Date(until)]);
  return until < target;
}

/** Until when everything is rolled up. */
export async function rolledUpUntil(manager: EntityManager): Promise<Date> {
  const [row]: { until: Date }[] = await manager.query('SELECT until FROM server_rollup');
  return row?.until ?? new Date(0);
}

/** Rolls up again where samples of a server came late. Called in the transaction that stores them. */
export async function rollUpAgain(manager: EntityManager, serverId: string, times: readonly Date[]): Promise<void> {
  const until = await rolledUpUntil(manager);
  const buckets = new Set(times.filter((time) => time < until).map((time) => floor(time.getTime())));
  if (buckets.size > 0)
    await manager.query(ROLL_UP_AGAIN, [serverId, [...buckets].map((at) => new Date(at).toISOString())]);
}

/** Where the five minutes begin that a time lies in. */
export function floor(time: number): number {
  return Math.floor(time / BUCKET_MS) * BUCKET_MS;
}
