import { randomUUID } from 'node:crypto';
import { HttpService } from '@nestjs/axios';
import type { DataSource } from 'typeorm';
import { type AppConfig, Instance, loadConfig, Metrics, OutboundGuard, OutboundHttp } from '#core';
import { openDataSource } from '../apps/api/src/database/data-source.js';
import { SamplePartitions } from '../libs/servers/src/metrics/sample-partitions.js';
import { NodeExporterClient } from '../libs/servers/src/node-exporter.client.js';
import { memoryCache } from '../libs/core/src/cache/cache-store.client.js';
import { TaggedCache } from '../libs/core/src/cache/tagged-cache.js';
import { Poller } from '../libs/servers/src/polling/poller.js';
import { PollStore } from '../libs/servers/src/polling/poll-store.js';
import { RecordedEvents } from './support/recorded-events.js';
import { type NodeExporterMode, type NodeExporterStub, startNodeExporter } from './stubs/node-exporter.js';

/** Faster than can be configured, so that a test sees many turns. */
const INTERVAL_MS = 1_000;
const config: AppConfig = { ...loadConfig({}), scrapeIntervalSeconds: INTERVAL_MS / 1000, upstreamTimeoutMs: 800 };

let source: DataSource;
let exporter: NodeExporterStub;
const pollers: Poller[] = [];

beforeAll(async () => {
  source = await openDataSource(config.database, null, []);
});

beforeEach(async () => {
  exporter = await startNodeExporter();
});

afterEach(async () => {
  await Promise.all(pollers.splice(0).map((poller) => poller.onModuleDestroy()));
  await source.query('DELETE FROM servers');
  await exporter.close();
});

afterAll(() => source.destroy());

/** One more process that polls. */
function startPoller(): { poller: Poller; instance: Instance } {
  const http = new OutboundHttp(new HttpService(), new OutboundGuard(config.outbound), new Metrics());
  const instance = new Instance(source);
  const poller = new Poller(
    new PollStore(source, new RecordedEvents()),
    new NodeExporterClient(http),
    new SamplePartitions(source, config),
    instance,
    new TaggedCache(memoryCache(), 5),
    config,
    // no server here is read by SSH
    undefined as never,
  );
  pollers.push(poller);
  poller.onApplicationBootstrap();
  return { poller, instance };
}

async function addServer(machine: number, status = 'unknown'): Promise<string> {
  const id = randomUUID();
  await source.query('INSERT INTO servers (id, name, status, source) VALUES ($1, $2, $3, $4)', [
    id,
    `server ${id}`,
    status,
    { type: 'node-exporter', url: exporter.urlOf(machine) },
  ]);
  await source.query('INSERT INTO server_polls (server_id, next_at) VALUES ($1, now())', [id]);
  return id;
}

interface Row {
  status: string;
  status_reason: string | null;
  last_seen_at: Date | null;
  version: number;
  os: string | null;
  cpu_cores: number | null;
  memory_bytes: string | null;
  lease: string | null;
}

async function rowOf(id: string): Promise<Row> {
  const [row]: Row[] = await source.query(
    'SELECT s.*, p.lease FROM servers s JOIN server_polls p ON p.server_id = s.id WHERE s.id = $1',
    [id],
  );
  if (!row) throw new Error('the server is gone');
  return row;
}

async function samplesOf(
  id: string,
): Promise<{ ts: Date; cpu_percent: number | null; memory_percent: number | null }[]> {
  return source.query('SELECT * FROM server_samples WHERE server_id = $1 ORDER BY ts', [id]);
}

/** Waits until `probe` answers something. */
async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 60_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await sleep(50);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const hasStatus = (id: string, status: string) => (): Promise<boolean> =>
  rowOf(id).then((row) => row.status === status);
const readingsOf = (machine: number): number[] =>
  exporter.requests.filter(({ path }) => exporter.urlOf(machine).endsWith(path)).map(({ at }) => at);

describe('a server that answers', () => {
  it('is online with its facts, and read again 2 s later, which makes rates', async () => {
    const id = await addServer(1);
    startPoller();
    const [first, second] = await until(async () => {
      const samples = await samplesOf(id);
      return samples.length >= 2 ? samples : null;
    });
    expect(first).toMatchObject({ cpu_percent: null, memory_percent: 25 });
    expect(second?.cpu_percent).toBeCloseTo(25, 0);
    expect(second!.ts.getTime() - first!.ts.getTime()).toBeGreaterThan(1_900);
    expect(second!.ts.getTime() - first!.ts.getTime()).toBeLessThan(3_200);
    expect(await rowOf(id)).toMatchObject({
      status: 'online',
      status_reason: null,
      version: 1,
      os: 'Debian GNU/Linux 13 (trixie)',
      cpu_cores: 4,
      memory_bytes: String(16 * 2 ** 30),
    });
  });

  it('is sampled in maintenance, and stays in it', async () => {
    const id = await addServer(1, 'maintenance');
    startPoller();
    await until(async () => (await samplesOf(id)).length >= 2);
    expect(await rowOf(id)).toMatchObject({ status: 'maintenance', status_reason: null });
  });
});

describe('a server that stops answering', () => {
  it('is offline after three readings, and online again after two', async () => {
    const id = await addServer(1);
    startPoller();
    await until(hasStatus(id, 'online'));
    exporter.setMode('http-500');
    const before = readingsOf(1).length;
    await until(hasStatus(id, 'offline'));
    const failures = readingsOf(1).length - before;
    expect(failures).toBeGreaterThanOrEqual(3);
    expect(failures).toBeLessThanOrEqual(4);
    expect(await rowOf(id)).toMatchObject({ status_reason: 'The remote system answered 500.' });
    const { last_seen_at: seen } = await rowOf(id);
    exporter.setMode('ok');
    await until(hasStatus(id, 'online'));
    const back = await rowOf(id);
    expect(back.status_reason).toBeNull();
    expect(back.last_seen_at!.getTime()).toBeGreaterThan(seen!.getTime());
  });
});

describe('exporters that misbehave', () => {
  const modes: [NodeExporterMode, RegExp][] = [
    ['hang', /No complete answer within 0\.8 s/],
    ['slow-drip', /No complete answer within 0\.8 s/],
    ['http-500', /answered 500/],
    ['html', /not in Prometheus’ text format/],
    ['huge', /longer than 5000000 bytes/],
    ['gzip-bomb', /longer than 5000000 bytes/],
    ['nan', /not numbers/],
    ['redirect', /redirects are not followed/],
    ['cut', /connection broke/],
    ['other-exporter', /not from a node_exporter/],
  ];

  it('are offline with a clear reason while others are read in every turn', async () => {
    const healthy = await addServer(0);
    const ids = await Promise.all(
      modes.map(([mode], index) => (exporter.setMode(mode, index + 1), addServer(index + 1))),
    );
    startPoller();
    for (const [index, id] of ids.entries()) {
      await until(hasStatus(id, 'offline'));
      expect([modes[index]?.[0], (await rowOf(id)).status_reason]).toEqual([
        modes[index]?.[0],
        expect.stringMatching(modes[index]![1]),
      ]);
      expect(await samplesOf(id)).toEqual([]);
    }
    // past the second reading, whole intervals
    const from = Date.now();
    await sleep(5 * INTERVAL_MS);
    const samples = (await samplesOf(healthy)).filter(({ ts }) => ts.getTime() >= from);
    expect(samples.length).toBeGreaterThanOrEqual(4);
    expect(await rowOf(healthy)).toMatchObject({ status: 'online' });
  });
});

describe('several processes', () => {
  it('never read a server twice in a turn', async () => {
    const machines = Array.from({ length: 20 }, (_, machine) => machine);
    const ids = await Promise.all(machines.map((machine) => addServer(machine)));
    startPoller();
    startPoller();
    await until(async () => (await Promise.all(ids.map(samplesOf))).every((samples) => samples.length >= 6));
    for (const machine of machines) {
      const times = readingsOf(machine);
      const gaps = times.slice(1).map((at, index) => at - times[index]!);
      // a third of the interval is the least between two turns; ticks and scheduling take their part of it
      expect(Math.min(...gaps)).toBeGreaterThan(200);
    }
  });

  it('take over what another gave back when it stopped, at once', async () => {
    exporter.setMode('hang');
    const id = await addServer(1);
    const { poller } = startPoller();
    await until(async () => readingsOf(1).length > 0);
    await poller.onModuleDestroy();
    expect(await rowOf(id)).toMatchObject({ lease: null, status: 'unknown', status_reason: null });
    exporter.setMode('ok');
    startPoller();
    await until(hasStatus(id, 'online'), 2_000);
  });

  it('leave new readings to others while shutting down', async () => {
    const { instance } = startPoller();
    instance.drain();
    await addServer(1);
    await sleep(1_200);
    expect(readingsOf(1)).toEqual([]);
  });
});

describe('a database that is away', () => {
  it('is waited for: nothing is lost but the turns in between', async () => {
    const id = await addServer(1);
    let away = true;
    const query = source.query.bind(source);
    const spy = jest
      .spyOn(source, 'query')
      .mockImplementation((...args: Parameters<typeof query>) =>
        away && /WITH steady/.test(String(args[0]))
          ? Promise.reject(new Error('Connection terminated unexpectedly'))
          : query(...args),
      );
    startPoller();
    await sleep(1_200);
    expect(readingsOf(1)).toEqual([]);
    away = false;
    await until(hasStatus(id, 'online'), 3_000);
    spy.mockRestore();
  });
});
