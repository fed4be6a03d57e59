import { Client } from 'pg';
import { postgres } from '../test/real/services.ts';
import { report, residentMiB, signIn, startApi } from './support.ts';

// 10,000 servers from CSV: how long the operation takes, and the memory it needs above an idle process. Run with: npm run bench -- imports
const ROWS = 10_000;
const database = await postgres();
const api = await startApi({ DATABASE_URL: database.url });
const client = new Client({ connectionString: database.url });
await client.connect();
const headers = { Authorization: `Bearer ${await signIn(api.url)}` };
const rows = Array.from(
  { length: ROWS },
  (_, i) => `server-${i},env-${i % 7},"web,rack-${i % 40}",10.0.${i % 256}.${i >> 8}`,
);

const idleMiB = residentMiB(api.pid);
let mostMiB = idleMiB;
const watch = setInterval(() => (mostMiB = Math.max(mostMiB, residentMiB(api.pid))), 50);
const started = performance.now();
const response = await fetch(`${api.url}/api/servers/import`, {
  method: 'POST',
  headers: { ...headers, 'Content-Type': 'text/csv' },
  body: ['name,environment,tags,ipAddress', ...rows].join('\n'),
});
if (response.status !== 202) throw new Error(await response.text());
const location = response.headers.get('location') ?? '';
let state = 'queued';
while (state === 'queued' || state === 'running') {
  await new Promise((resolve) => setTimeout(resolve, 50));
  ({ state } = (await (await fetch(`${api.url}${location}`, { headers })).json()) as { state: string });
}
const seconds = (performance.now() - started) / 1000;
clearInterval(watch);
const { rows: counted } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM servers');
if (state !== 'succeeded' || counted[0]?.count !== ROWS) throw new Error(`${state}, ${counted[0]?.count} servers`);
report(`${ROWS} servers from CSV, s`, seconds, '-', `${Math.round(ROWS / seconds)} rows a second`);
report('memory above idle, MiB', mostMiB - idleMiB, '-', `${idleMiB} MiB before, ${mostMiB} at most`);
await client.end();
await api.stop();
await database.stop();
