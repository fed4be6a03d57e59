import { Client } from 'pg';
import { postgres } from '../test/real/services.ts';
import { medianMs, report, signIn, startApi } from './support.ts';

// A page of 50 of the audit log at a million entries, at any depth, against the bare SQL of the same page over the same kind of
// connection. Run with: npm run bench -- audit
const ENTRIES = 1_000_000;
const database = await postgres();
const api = await startApi({ DATABASE_URL: database.url });
const client = new Client({ connectionString: database.url });
await client.connect();
// entries of the right shape; their macs are nothing, which only a verification would notice
await client.query(
  `INSERT INTO audit_entries (seq, phase, entry_seq, action_id, at, actor_id, actor_name, action, resource_type, resource_id, outcome, payload, key_id, mac)
   SELECT 1000 + i, 'event', 1000 + i, gen_random_uuid(), now(), 'actor-' || i % 50, 'name-' || i % 50, 'server.update', 'server',
     'server-' || i % 5000, 'succeeded', '{"status":200,"durationMs":12,"address":"10.0.0.1","requestId":"bench"}', gen_random_uuid(), '\\x00'
   FROM generate_series(1, $1::int) i`,
  [ENTRIES],
);
await client.query('VACUUM ANALYZE audit_entries');
const headers = { Authorization: `Bearer ${await signIn(api.url)}` };

for (const [what, below] of [
  ['newest', ENTRIES + 1000],
  ['in the middle', ENTRIES / 2],
  ['oldest', 1100],
] as const) {
  const viaApi = await medianMs(300, async () => {
    const response = await fetch(`${api.url}/api/audit?limit=50&cursor=${below}`, { headers });
    if (response.status !== 200) throw new Error(await response.text());
    await response.arrayBuffer();
  });
  const bare = await medianMs(300, () =>
    client.query(
      `SELECT * FROM audit_entries e WHERE e.phase <> 'intent' AND e.entry_seq < $1 ORDER BY e.entry_seq DESC LIMIT 51`,
      [below],
    ),
  );
  report(
    `audit page of 50, ${what}, over HTTP against bare SQL`,
    viaApi / bare,
    '<= 2',
    `${viaApi.toFixed(2)} ms, ${bare.toFixed(2)} ms`,
  );
}
await client.end();
await api.stop();
await database.stop();
