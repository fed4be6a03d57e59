import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_PASSWORD } from '../harness.js';
import { newDatabase, newKey, pause, type Replica, Replicas, sql, until } from '../real/replicas.js';
import { postgres, type PostgresService } from '../real/services.js';

const WORKER = 'test/support/operations-worker.mjs';
const SCHEDULES = 20;
const TURN_SECONDS = 2;
const JITTER_SECONDS = 0.5;
/** How soon what a dead process did must be taken over. */
const TAKEN_OVER_MS = 30_000;

/** Two processes that run so many operations, and twenty schedules, while they are killed again and again. */
export function describeOperations(operations: number): void {
  describe('operations and schedules in two processes that die', () => {
    let database: PostgresService;
    let url: string;
    let replicas: Replicas;
    let workers: ChildProcess[] = [];
    const directory = mkdtempSync(join(tmpdir(), 'einfra-workers-'));
    const keys = newKey('k1');

    beforeAll(async () => {
      database = await postgres();
      url = await newDatabase(database);
      await sql(url, 'CREATE TABLE attempts (operation_id uuid, attempt integer, pid integer)');
      await sql(
        url,
        'CREATE TABLE effects (operation_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())',
      );
      await sql(url, 'CREATE TABLE turns (name text, at timestamptz NOT NULL DEFAULT clock_timestamp())');
      replicas = new Replicas({ DATABASE_URL: url, ENCRYPTION_KEYS: keys });
      // both make the schema at the same time
      workers = await Promise.all([startWorker(), startWorker()]);
    }, 120_000);

    afterAll(async () => {
      for (const worker of workers) worker.kill('SIGKILL');
      await replicas?.endAll();
      await database?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    const killAll = (): void => workers.forEach((worker) => worker.kill('SIGKILL'));

    async function startWorker(): Promise<ChildProcess> {
      const env = {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: url,
        ENCRYPTION_KEYS: keys,
        ADMIN_PASSWORD,
        EINFRA_DATA_DIR: directory,
        LOG_LEVEL: 'error',
        TEST_SCHEDULES: String(SCHEDULES),
      };
      const worker = fork(WORKER, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      process.off('exit', killAll).once('exit', killAll);
      await Promise.race([
        once(worker, 'message'),
        once(worker, 'exit').then(() => Promise.reject(new Error('the worker ended'))),
      ]);
      return worker;
    }

    async function start(worker: ChildProcess, type: string, count: number, input: object = {}): Promise<void> {
      const started = once(worker, 'message');
      worker.send({ start: type, count, input });
      await started;
    }

    async function kill(index: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
      const worker = workers[index] as ChildProcess;
      const ended = once(worker, 'exit');
      worker.kill(signal);
      await ended;
    }

    const count = async (where: string): Promise<number> =>
      (await sql<{ count: number }>(url, `SELECT count(*)::int AS count FROM ${where}`))[0]?.count ?? 0;

    it('made one queue and one row for each schedule', async () => {
      expect(await count(`pgboss.queue WHERE name = 'operations'`)).toBe(1);
      expect(await count(`schedules WHERE name LIKE 'test.turn-%'`)).toBe(SCHEDULES);
    });

    it('takes over what a killed process ran, within 30 s', async () => {
      await start(workers[0] as ChildProcess, 'test.stuck', 4);
      await until('all run', async () => (await count('attempts')) === 4, 10_000);
      const [first] = await sql<{ pid: number }>(url, 'SELECT pid FROM attempts LIMIT 1');
      const [dead, alive] = workers[0]?.pid === first?.pid ? [0, 1] : [1, 0];
      const runBy = async (worker: number): Promise<number> =>
        count(`attempts WHERE attempt = 1 AND pid = ${workers[worker]?.pid ?? 0}`);
      const mine = await runBy(dead);
      await kill(dead, 'SIGKILL');
      const ended = `operations WHERE type = 'test.stuck' AND state = 'succeeded' AND attempt = 2 AND deaths = 1`;
      const ms = await until('they are taken over', async () => (await count(ended)) === mine, TAKEN_OVER_MS);
      expect(ms).toBeGreaterThan(2_000);
      // what the living process runs stays with it
      expect(await count(`operations WHERE type = 'test.stuck' AND state = 'running' AND attempt = 1`)).toBe(4 - mine);
      await kill(alive, 'SIGKILL');
      workers = await Promise.all([startWorker(), startWorker()]);
      await until('the others are taken over', async () => (await count(ended)) === 4, TAKEN_OVER_MS);
    }, 120_000);

    it('gives back at SIGTERM what it ran, and others begin it at once', async () => {
      await sql(url, `DELETE FROM operations WHERE type = 'test.stuck'`);
      await kill(1, 'SIGTERM');
      await start(workers[0] as ChildProcess, 'test.stuck', 2);
      await until(
        'both run',
        async () => (await count(`operations WHERE type = 'test.stuck' AND state = 'running'`)) === 2,
        10_000,
      );
      workers[1] = await startWorker();
      await kill(0, 'SIGTERM');
      const ended = `operations WHERE type = 'test.stuck' AND state = 'succeeded' AND attempt = 2 AND deaths = 0`;
      await until('both are done', async () => (await count(ended)) === 2, 5_000);
      workers[0] = await startWorker();
    }, 60_000);

    it(
      'ends each operation once while processes are killed again and again, and the database restarts',
      async () => {
        await start(workers[0] as ChildProcess, 'test.effect', operations, { stepMs: 100 });
        for (let round = 0; round < operations / 50; round++) {
          await pause(2_000);
          await kill(round % 2, 'SIGKILL');
          workers[round % 2] = await startWorker();
          if (round === 1) await database.restart();
        }
        await until(
          'all are done',
          async () => (await count(`operations WHERE type = 'test.effect' AND state = 'succeeded'`)) === operations,
          operations * 450,
        );
        expect(await count('effects')).toBe(operations);
        expect(
          await count(`operations WHERE type = 'test.effect' AND progress = 100 AND finished_at IS NOT NULL`),
        ).toBe(operations);
        // somebody was killed in the middle of something
        expect(await count('attempts WHERE attempt > 1')).toBeGreaterThan(0);
        // no attempt was made by two
        expect(await count('(SELECT 1 FROM attempts GROUP BY operation_id, attempt HAVING count(*) > 1) twice')).toBe(
          0,
        );
        const finished = `events WHERE type = 'operation.finished' AND data->>'operationType' = 'test.effect'`;
        expect(await count(finished)).toBe(operations);
        await until('no job is left', async () => (await count(`pgboss.job WHERE name = 'operations'`)) === 0, 40_000);
      },
      operations * 1_200,
    );

    it(
      'records every end in an audit log that verifies',
      async () => {
        const recorded = `audit_entries WHERE action = 'test.effect.finish' AND outcome = 'succeeded'`;
        await until('all ends are recorded', async () => (await count(recorded)) >= operations, operations * 500);
        const replica: Replica = await replicas.start();
        const token = await replica.signIn();
        const { body } = await replica.call('GET', '/api/audit/verify', undefined, { token, timeoutMs: 30_000 });
        expect(body).toMatchObject({ valid: true });
      },
      operations * 750,
    );

    it('ran each schedule once a turn', async () => {
      const turns = await sql<{ name: string; at: Date; gap: number | null }>(
        url,
        `SELECT name, at, extract(epoch FROM at - lag(at) OVER (PARTITION BY name ORDER BY at))::float8 AS gap FROM turns ORDER BY at`,
      );
      expect(new Set(turns.map(({ name }) => name)).size).toBe(SCHEDULES);
      const gaps = turns.flatMap(({ gap }) => (gap === null ? [] : [gap]));
      expect(gaps.length).toBeGreaterThan(SCHEDULES * 10);
      // a turn that was late by a moment may be followed by one that is not
      const early = gaps.filter((gap) => gap < TURN_SECONDS - JITTER_SECONDS - 1.2);
      expect(early).toEqual([]);
      // no more runs than there were turns
      for (let number = 0; number < SCHEDULES; number++) {
        const times = turns.filter(({ name }) => name === `test.turn-${number}`).map(({ at }) => at.getTime() / 1_000);
        const span = (times.at(-1) as number) - (times[0] as number);
        expect(times.length).toBeLessThanOrEqual(Math.floor(span / TURN_SECONDS) + 2);
      }
      expect(Math.max(...gaps)).toBeLessThan(TURN_SECONDS + JITTER_SECONDS + 30);
    });
  });
}
