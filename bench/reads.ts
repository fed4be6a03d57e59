import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { postgres } from '../test/real/services.ts';
import { compare, load, report, residentMiB, signIn, startApi, startNode } from './support.ts';

// Signed-in reads of one server and of a page of 20 out of 10,000, against a bare node:http server that sends the same bytes and
// a hand-written Fastify + pg server that runs the same SQL. Run with: npm run bench -- reads
const ROUNDS = 3;
const database = await postgres();
const startedAt = performance.now();
const api = await startApi({ DATABASE_URL: database.url });
const startMs = performance.now() - startedAt;
const idleMiB = residentMiB(api.pid);

const client = new Client({ connectionString: database.url });
await client.connect();
await client.query(`
  INSERT INTO servers (id, name, environment, tags, hostname, ip_address)
  SELECT gen_random_uuid(), 'server-' || i, 'env-' || i % 7, ARRAY['web', 'rack-' || i % 40], 'host-' || i || '.example.com', '10.0.' || i % 256 || '.' || i / 256
  FROM generate_series(1, 10000) i`);
await client.query('ANALYZE servers');
const id = (await client.query<{ id: string }>('SELECT id FROM servers LIMIT 1')).rows[0]?.id ?? '';

const token = await signIn(api.url);
const signedIn = { Authorization: `Bearer ${token}` };
const fresh = { ...signedIn, 'Cache-Control': 'no-cache' };
const handWritten = await startNode(['bench/hand-written-server.ts'], { DATABASE_URL: database.url });

for (const [what, path] of [
  ['one server', `/servers/${id}`],
  ['20 of 10,000 servers', '/servers'],
] as const) {
  const bytes = Buffer.from(await (await fetch(`${api.url}/api${path}`, { headers: signedIn })).arrayBuffer());
  const file = join(mkdtempSync(join(tmpdir(), 'einfra-bench-')), 'body');
  writeFileSync(file, bytes);
  const bare = await startNode(['bench/bare-server.ts', file]);
  const results = compare(ROUNDS, {
    cached: () => load(`${api.url}/api${path}`, { headers: signedIn }),
    bare: () => load(bare.url, { headers: signedIn }),
    uncached: () => load(`${api.url}/api${path}`, { headers: fresh }),
    handWritten: () => load(`${handWritten.url}${path}`, { headers: signedIn }),
  });
  const figure = (name: string): string =>
    `${name} ${Math.round(results[name]!.requestsPerSecond)}/s (p99 ${results[name]!.p99Ms} ms)`;
  report(
    `${what}, from cache, against bare node:http`,
    ratio('cached', 'bare'),
    '>= 0.35',
    `${figure('cached')}, ${figure('bare')}`,
  );
  report(
    `${what}, uncached, against hand-written`,
    ratio('uncached', 'handWritten'),
    '>= 0.60',
    `${figure('uncached')}, ${figure('handWritten')}`,
  );
  await bare.stop();

  function ratio(one: string, other: string): number {
    const failures = Object.values(results).reduce((sum, { failures: count }) => sum + count, 0);
    if (failures > 0) throw new Error(`${failures} requests failed`);
    return results[one]!.requestsPerSecond / results[other]!.requestsPerSecond;
  }
}
report('idle memory with an external database, MiB', idleMiB, '<= 200', '');
report('start after build, s', startMs / 1000, '<= 3', '');
await client.end();
await api.stop();
await handWritten.stop();
await database.stop();
