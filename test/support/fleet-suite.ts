import { Client } from 'pg';
import { postgres, type PostgresService } from '../real/services.js';
import { type NodeExporterStub, startNodeExporter } from '../stubs/node-exporter.js';
import { type BuiltApp, startBuiltApp } from './built-app.js';
import { addFleet, cpuSeconds, regularity } from './fleet.js';

const INTERVAL_SECONDS = 15;
const ADMIN_PASSWORD = 'a password for the fleet';

/** A thousand servers that one built process reads from real PostgreSQL, for as long as it is told. */
export function describeFleet({ servers, seconds }: { servers: number; seconds: number }): void {
  describe(`a fleet of ${servers} servers, ${seconds} s`, () => {
    let database: PostgresService;
    let exporter: NodeExporterStub;
    let app: BuiltApp;
    let client: Client;

    beforeAll(async () => {
      [database, exporter] = await Promise.all([postgres(), startNodeExporter()]);
      app = await startBuiltApp({ DATABASE_URL: database.url, LOG_LEVEL: 'warn', ADMIN_PASSWORD });
      client = new Client({ connectionString: database.url });
      await client.connect();
    }, 60_000);

    afterAll(async () => {
      await client.end();
      await app.remove();
      await Promise.all([database.stop(), exporter.close()]);
    });

    it(
      'is read every 15 s with at most a quarter of a core, without drift and without a gap',
      async () => {
        const urls = Array.from({ length: servers }, (_, machine) => exporter.urlOf(machine));
        const ids = await addFleet(client, urls);
        // the first two readings, which come at once and 2 s later, and the turn after them
        await sleep(2 * INTERVAL_SECONDS);
        const [from, cpuBefore] = [new Date(), cpuSeconds(app.pid)];
        await sleep(seconds);
        const [to, cpuAfter] = [new Date(), cpuSeconds(app.pid)];
        // readings of the last moment are still to be written
        await sleep(2);
        const share = ((cpuAfter - cpuBefore) / (to.getTime() - from.getTime())) * 1000;
        const found = await regularity(client, { ids, from, to, intervalSeconds: INTERVAL_SECONDS });
        console.log(`${servers} servers: ${(share * 100).toFixed(1)} % of a core, ${JSON.stringify(found)}`);
        expect(found.missed).toBe(0);
        expect(found.driftSeconds).toBeLessThan(1);
        expect(share).toBeLessThanOrEqual((0.25 * servers) / 1_000 + 0.05);
        await expectRightFigures(client, ids);
        expect(app.output()).not.toMatch(/"level":(40|50)/);
      },
      (seconds + 120) * 1_000,
    );
  });
}

/** The machines of the stand-in work a quarter of their time and have a quarter of their memory in use. */
async function expectRightFigures(client: Client, ids: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ online: string; cpu: number; memory: number; facts: string }>(
    `SELECT count(*) FILTER (WHERE s.status = 'online') AS online, count(f.server_id) AS facts,
            max(abs((p.latest ->> 'cpuPercent')::float8 - 25)) AS cpu, max(abs((p.latest ->> 'memoryPercent')::float8 - 25)) AS memory
       FROM servers s JOIN server_polls p ON p.server_id = s.id LEFT JOIN server_facts f ON f.server_id = s.id WHERE s.id = ANY($1)`,
    [ids],
  );
  expect(rows[0]).toMatchObject({ online: String(ids.length), facts: String(ids.length) });
  expect(rows[0]?.cpu).toBeLessThan(1);
  expect(rows[0]?.memory).toBe(0);
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
