import { Replicas } from '../real/replicas.js';
import { type PostgresService, postgres, redis, type Service } from '../real/services.js';
import { isFlat, type LoadReport, mixedLoad } from './mixed-load.js';

/** Mixed load on one process with real PostgreSQL and Redis, for so many seconds. */
export function loadSuite(seconds: number): void {
  describe(`${seconds} s of mixed load`, () => {
    let database: PostgresService;
    let cache: Service;
    let replicas: Replicas;

    beforeAll(async () => {
      [database, cache] = [await postgres(), await redis()];
      replicas = new Replicas({ DATABASE_URL: database.url, REDIS_URL: cache.url });
    });

    afterAll(async () => {
      await replicas.endAll();
      await cache.stop();
      await database.stop();
    });

    it(
      'fails nothing, and leaves memory and handles where they were',
      async () => {
        const replica = await replicas.start();
        const report: LoadReport = await mixedLoad(replica, seconds);
        process.stderr.write(`mixed load: ${JSON.stringify({ ...report, failures: report.failures.length })}\n`);
        expect(report.failures).toEqual([]);
        expect(report.requests).toBeGreaterThan(100);
        // V8 takes memory while it is free; a leak of a kilobyte a request would show as much more
        expect(isFlat(report.memoryMiB, 0.25, 48)).toBe(true);
        expect(isFlat(report.handles, 0, 20)).toBe(true);
        expect(replica.ended()).toBeNull();
        expect(
          (await replica.call('GET', '/api/audit/verify', undefined, { token: await replica.signIn() })).body,
        ).toMatchObject({ valid: true });
      },
      (seconds + 120) * 1000,
    );
  });
}
