import { randomBytes, randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { Pool } from 'pg';

// What a careful engineer would write by hand for these two reads and one write: Fastify, pg, the same SQL, nothing else.
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const app = Fastify({ logger: false });

const COLUMNS = `id, name, description, environment, tags, status, status_reason, last_seen_at, version, created_at, updated_at,
  hostname, ip_address, location, provider, os, kernel, architecture, cpu_cores, memory_bytes, disk_bytes, source`;

app.get<{ Params: { id: string } }>('/servers/:id', async ({ params }, reply) => {
  const { rows } = await pool.query<Row>(`SELECT ${COLUMNS} FROM servers WHERE id = $1`, [params.id]);
  const [row] = rows;
  if (!row) return reply.status(404).send({ status: 404 });
  return view(row);
});

app.get('/servers', async () => {
  const counted = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM (SELECT 1 FROM servers LIMIT 10001) counted',
  );
  const { rows } = await pool.query<Row>(`SELECT ${COLUMNS} FROM servers ORDER BY name ASC, id ASC LIMIT 20 OFFSET 0`);
  return { items: rows.map(view), page: 1, pageSize: 20, total: Math.min(counted.rows[0]?.count ?? 0, 10_000) };
});

app.post<{ Body: { name: string; environment: string } }>('/servers', async ({ body }, reply) => {
  const id = randomUUID();
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO servers (id, name, environment) VALUES ($1, $2, $3)', [
      id,
      body.name,
      body.environment,
    ]);
    await client.query('INSERT INTO server_polls (server_id) VALUES ($1)', [id]);
    for (const phase of ['intent', 'outcome']) {
      await client.query(
        `INSERT INTO bench_audit (phase, at, actor, action, resource_id, payload, mac) VALUES ($1, now(), 'admin', 'server.create', $2, $3, $4)`,
        [phase, id, JSON.stringify(body), randomBytes(32)],
      );
    }
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  const { rows } = await pool.query<Row>(`SELECT ${COLUMNS} FROM servers WHERE id = $1`, [id]);
  return reply.status(201).send(view(rows[0] as Row));
});
await pool.query(
  'CREATE TABLE IF NOT EXISTS bench_audit (seq bigserial PRIMARY KEY, phase text, at timestamptz, actor text, action text, resource_id uuid, payload text, mac bytea)',
);

interface Row {
  [column: string]: unknown;
  last_seen_at: Date | null;
  created_at: Date;
  updated_at: Date;
  memory_bytes: string | null;
  disk_bytes: string | null;
}

function view(row: Row): object {
  return {
    id: row['id'],
    name: row['name'],
    description: row['description'],
    hostname: row['hostname'],
    ipAddress: row['ip_address'],
    environment: row['environment'],
    tags: row['tags'],
    location: row['location'],
    provider: row['provider'],
    os: row['os'],
    kernel: row['kernel'],
    architecture: row['architecture'],
    cpuCores: row['cpu_cores'],
    memoryBytes: row.memory_bytes === null ? null : Number(row.memory_bytes),
    diskBytes: row.disk_bytes === null ? null : Number(row.disk_bytes),
    source: row['source'],
    status: row['status'],
    statusReason: row['status_reason'],
    lastSeenAt: row.last_seen_at?.toISOString() ?? null,
    version: row['version'],
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

console.log(`listening on ${await app.listen({ port: 0, host: '127.0.0.1' })}`);
