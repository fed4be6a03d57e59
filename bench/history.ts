import { Client } from 'pg';
import { postgres } from '../test/real/services.ts';
import { report, signIn, startApi } from './support.ts';

// 24 h of one server in 300 points, out of ten million samples, against the SQL itself. Run with: npm run bench -- history [servers]
const servers = Number(process.argv[2] ?? 1_740);
const ROUNDS = 40;

const database = await postgres();
const api = await startApi({ DATABASE_URL: database.url });
const client = new Client({ connectionString: database.url });
await client.connect();
// the poller makes the partitions with its first turn
while ((await client.query(`SELECT FROM pg_inherits WHERE inhparent = 'server_samples'::regclass`)).rows.length < 4)
  await new Promise((resolve) => setTimeout(resolve, 100));
await client.query(
  `INSERT INTO servers (id, name) SELECT gen_random_uuid(), 'server-' || i FROM generate_series(1, ${servers}) i`,
);
await client.query('INSERT INTO server_polls (server_id) SELECT id FROM servers');
await client.query(`
  INSERT INTO server_samples
  SELECT s.id, now() - i * interval '15 seconds', 50 + 20 * sin(i), 40, 4e9, 1e10, 60, 6e10, 1e11, 1e5, 2e5, 0.5, 0.6, 0.7, 86400
    FROM generate_series(1, 5759) i, servers s`);
await client.query('VACUUM (ANALYZE) server_samples');
const id = (await client.query<{ id: string }>('SELECT id FROM servers LIMIT 1')).rows[0]?.id ?? '';
const token = await signIn(api.url);
const to = new Date();
const from = new Date(to.getTime() - 86_400_000);

const COLUMNS = [
  ...['cpu_percent', 'memory_percent', 'memory_used_bytes', 'disk_percent', 'disk_used_bytes'],
  ...['network_receive_bytes_per_second', 'network_transmit_bytes_per_second', 'load1', 'load5', 'load15'],
];
const SQL = `
  SELECT date_bin('288 seconds', ts, $2::timestamptz) AS at, ${COLUMNS.flatMap((column) => ['avg', 'min', 'max'].map((figure) => `${figure}(${column})`)).join(', ')}
    FROM server_samples WHERE server_id = $1 AND ts >= $2 AND ts < $3 GROUP BY 1 ORDER BY 1`;

const times = { api: [] as number[], sql: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  let started = performance.now();
  await client.query(SQL, [id, from, to]);
  times.sql.push(performance.now() - started);
  started = performance.now();
  const response = await fetch(
    `${api.url}/api/servers/${id}/metrics/history?from=${from.toISOString()}&to=${to.toISOString()}&points=300`,
    {
      headers: { authorization: `Bearer ${token}` },
    },
  );
  const { items } = (await response.json()) as { items: unknown[] };
  times.api.push(performance.now() - started);
  if (items.length !== 300) throw new Error(`${items.length} points`);
}
const [ours, bare] = [median(times.api), median(times.sql)];
report(
  '24 h in 300 points, against the SQL',
  ours / bare,
  '<= 1.5',
  `${ours.toFixed(1)} ms, SQL ${bare.toFixed(1)} ms`,
);
await client.end();
await api.stop();
await database.stop();

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
