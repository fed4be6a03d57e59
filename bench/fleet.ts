import './typescript-names.ts';
import { Client } from 'pg';
import { postgres } from '../test/real/services.ts';
import { addFleet, cpuSeconds, regularity } from '../test/support/fleet.ts';
import { report, residentMiB, startApi } from './support.ts';

const { startNodeExporter } = await import('../test/stubs/node-exporter.ts');

// A thousand servers with exporters, read every 15 s by one process. Run with: npm run bench -- fleet [seconds]
const SERVERS = 1_000;
const INTERVAL_SECONDS = 15;
const seconds = Number(process.argv[2] ?? 60);

const database = await postgres();
const exporter = await startNodeExporter();
const api = await startApi({ DATABASE_URL: database.url });
const client = new Client({ connectionString: database.url });
await client.connect();
const ids = await addFleet(
  client,
  Array.from({ length: SERVERS }, (_, machine) => exporter.urlOf(machine)),
);
await pause(2 * INTERVAL_SECONDS);

const [from, before] = [new Date(), cpuSeconds(api.pid)];
await pause(seconds);
const [to, after] = [new Date(), cpuSeconds(api.pid)];
await pause(2);
const found = await regularity(client, { ids, from, to, intervalSeconds: INTERVAL_SECONDS });
report('1,000 servers every 15 s, share of a core', (after - before) / seconds, '<= 0.25', `${found.samples} samples`);
report('furthest from its turn, s', found.driftSeconds, '< 1', '');
report('missed turns', found.missed, '0', '');
report('resident memory, MiB', residentMiB(api.pid), '', '');
await client.end();
await api.stop();
await exporter.close();
await database.stop();

function pause(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration * 1_000));
}
