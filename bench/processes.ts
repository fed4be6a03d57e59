import { Client } from 'pg';
import { postgres, redis } from '../test/real/services.ts';
import { load, loadAsync, report, signIn, startApi } from './support.ts';

// Signed-in reads through one process and through two, on one PostgreSQL and Redis: one wrk of 32
// connections against two of 16. On a machine of two cores the load generator and the databases take their share. Run with: npm run bench -- processes
const database = await postgres();
const cache = await redis();
const key = `bench:${Buffer.alloc(32, 1).toString('base64')}`;
const environment = { DATABASE_URL: database.url, REDIS_URL: cache.url, ENCRYPTION_KEYS: key };
const [one, two] = [await startApi(environment), await startApi(environment)];
const client = new Client({ connectionString: database.url });
await client.connect();
await client.query(
  `INSERT INTO servers (id, name) SELECT gen_random_uuid(), 'server-' || i FROM generate_series(1, 1000) i`,
);
const headers = { Authorization: `Bearer ${await signIn(one.url)}` };
const single: number[] = [];
const double: number[] = [];
for (let round = 0; round < 3; round++) {
  single.push(load(`${one.url}/api/servers`, { headers }).requestsPerSecond);
  const both = await Promise.all(
    [one, two].map((api) => loadAsync(`${api.url}/api/servers`, { headers, connections: 16 })),
  );
  double.push(both.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0));
}
const median = (values: number[]): number => values.sort((x, y) => x - y)[1] as number;
report(
  'two processes against one',
  median(double) / median(single),
  '>= 1.70',
  `${Math.round(median(double))}/s, ${Math.round(median(single))}/s`,
);
await client.end();
await one.stop();
await two.stop();
await cache.stop();
await database.stop();
