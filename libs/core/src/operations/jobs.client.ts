import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { ClientBase, QueryResult } from 'pg';
import { type ConstructorOptions, type Job, PgBoss } from 'pg-boss';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { APP_CONFIG, type AppConfig } from '../config/config.js';

type Database = NonNullable<ConstructorOptions['db']>;

const QUEUE = 'operations';
/** Serialises the making of pg-boss's schema. */
const SCHEMA_LOCK = 7_341_006;

/** After so many seconds without a sign of life a job is another runner's; pg-boss takes no less. */
const HEARTBEAT_SECONDS = 10;
/** How often dead runners are looked for. */
const LOOK_SECONDS = 5;

const QUEUE_OPTIONS = {
  heartbeatSeconds: HEARTBEAT_SECONDS,
  // pg-boss knows no longer ones
  expireInSeconds: 86_400,
  // an operation counts its own deaths; here a retry is also a job put back at shutdown
  retryLimit: 1_000_000,
  // so that a process which can't run a job does not fetch it again at once
  retryDelay: 1,
  retentionSeconds: 30 * 86_400,
  deleteAfterSeconds: 86_400,
};

/** A job that this process has fetched: its operation, and which fetch it was. */
export type FetchedJob = Pick<Job, 'id' | 'retryCount'>;

/** The queue of operations: pg-boss on our own database connections, so that a job is part of the transaction that causes it. */
@Injectable()
export class Jobs implements OnModuleInit {
  private readonly logger = new Logger('Jobs');
  private readonly embedded: boolean;
  private readonly boss: PgBoss;

  constructor(
    private readonly dataSource: DataSource,
    @Inject(APP_CONFIG) config: AppConfig,
  ) {
    this.embedded = config.database.url === null;
    this.boss = new PgBoss({
      db: onOwnConnections(dataSource),
      backend: this.embedded ? 'pglite' : 'postgres',
      schema: 'pgboss',
      // schedules.ts knows seconds, jitter and turns that are missed
      schedule: false,
      superviseIntervalSeconds: LOOK_SECONDS,
      monitorIntervalSeconds: LOOK_SECONDS,
      maintenanceIntervalSeconds: 3_600,
      reindex: !this.embedded,
      monitorVacuum: !this.embedded,
      registerInstance: false,
      openTelemetry: { enabled: false },
    });
    this.boss.on('error', (error: Error) => this.logger.warn(`the queue failed: ${error.message}`));
    this.boss.on('warning', ({ message }: { message: string }) => this.logger.warn(message));
  }

  async onModuleInit(): Promise<void> {
    // the embedded database has one process, and one connection
    const unlock = this.embedded ? null : await this.lock();
    try {
      await this.boss.start();
      await this.boss.createQueue(QUEUE, QUEUE_OPTIONS);
    } finally {
      await unlock?.();
    }
  }

  /** Replicas that start together make the schema one after the other: pg-boss makes it before it takes its own lock. */
  private async lock(): Promise<() => Promise<void>> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK]);
    } catch (error) {
      await runner.release();
      throw error;
    }
    return async () => {
      await runner.query('SELECT pg_advisory_unlock($1)', [SCHEMA_LOCK]).catch(() => undefined);
      await runner.release();
    };
  }

  /** Makes the job of an operation in the transaction of `manager`. */
  async add(manager: EntityManager, operationId: string): Promise<void> {
    await this.boss.send(QUEUE, null, { id: operationId, db: inTransactionOf(manager) });
  }

  /** Removes the jobs of operations that need no runner any more, in the transaction of `manager`. */
  async remove(manager: EntityManager, operationIds: string[]): Promise<void> {
    if (operationIds.length > 0) await this.boss.deleteJob(QUEUE, operationIds, { db: inTransactionOf(manager) });
  }

  /** Takes up to `limit` jobs for this process; they must be kept alive with `touch`. */
  fetch(limit: number): Promise<FetchedJob[]> {
    return this.boss.fetch(QUEUE, { batchSize: limit });
  }

  /** Says that these are being worked on. */
  async touch(jobs: FetchedJob[]): Promise<void> {
    await this.boss.touch(QUEUE, jobs.map(attemptOf));
  }

  /** The job is done with. Does nothing when another runner has it by now. */
  async finish(job: FetchedJob): Promise<void> {
    await this.boss.deleteJob(QUEUE, attemptOf(job));
  }

  /** Gives the job to whoever fetches next. Does nothing when another runner has it by now. */
  async putBack(job: FetchedJob): Promise<void> {
    await this.boss.fail(QUEUE, attemptOf(job));
  }

  /** Which of these operations have a job that somebody works on or will work on. */
  async alive(operationIds: string[]): Promise<Set<string>> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM pgboss.job WHERE name = $1 AND id = ANY($2::uuid[]) AND state IN ('created', 'retry', 'active')`,
      [QUEUE, operationIds],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** The first time after `from` that a cron expression (UTC) names. Throws Error when it is none. */
  nextTime(cron: string, from: Date): Date {
    const [next] = this.boss.previewSchedule(cron, { from, count: 1 });
    if (!next) throw new Error(`the cron expression ${cron} names no time`);
    return next;
  }

  /** Ends what runs in the background. Jobs can still be added. */
  async stop(): Promise<void> {
    await this.boss.stop({ close: false, graceful: false });
  }
}

function attemptOf({ id, retryCount }: FetchedJob): FetchedJob {
  return { id, retryCount };
}

/** pg-boss sends several statements at once where it has a transaction of its own. */
function onOwnConnections(dataSource: DataSource): Database {
  return {
    async executeSql(text, values) {
      const runner = dataSource.createQueryRunner();
      try {
        return await execute(runner, text, values);
      } catch (error) {
        // statements that failed half way leave their transaction open
        if (!values?.length) await runner.query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        await runner.release();
      }
    },
  };
}

function inTransactionOf({ queryRunner }: EntityManager): Database {
  if (!queryRunner?.isTransactionActive) throw new Error('a job is added or removed in a transaction only');
  return { executeSql: (text, values) => execute(queryRunner, text, values) };
}

/** By the driver itself: TypeORM's own query knows one statement only. */
async function execute(runner: QueryRunner, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
  const client = (await runner.connect()) as ClientBase;
  const result = (await client.query(text, values)) as QueryResult | QueryResult[];
  return { rows: Array.isArray(result) ? result.flatMap(({ rows }) => rows as unknown[]) : result.rows };
}
