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
import { addFleet, regularity } from './support/fleet.js';
import { RecordedEvents } from './support/recorded-events.js';
import { type NodeExporterStub, startNodeExporter } from './stubs/node-exporter.js';

const config: AppConfig = { ...loadConfig({}), scrapeIntervalSeconds: 5, upstreamTimeoutMs: 2_000 };
/** Long enough that a machine with other work to do keeps up. */
const FLEET_INTERVAL_SECONDS = 10;

let source: DataSource;
let exporter: NodeExporterStub;
let events: RecordedEvents;
const pollers: Poller[] = [];

beforeAll(async () => {
  source = await openDataSource(config.database, null, []);
  exporter = await startNodeExporter();
});

beforeEach(() => {
  events = new RecordedEvents();
});

afterEach(async () => {
  await Promise.all(pollers.splice(0).map((poller) => poller.onModuleDestroy()));
  await source.query('DELETE FROM servers');
});

afterAll(async () => {
  await source.destroy();
  await exporter.close();
});

function startPoller(intervalSeconds = config.scrapeIntervalSeconds): Poller {
  const http = new OutboundHttp(new HttpService(), new OutboundGuard(config.outbound), new Metrics());
  const store = new PollStore(source, events);
  const partitions = new SamplePartitions(source, config);
  // no server here is read by SSH
  const poller = new Poller(
    store,
    new NodeExporterClient(http),
    partitions,
    new Instance(source),
    new TaggedCache(memoryCache(), 5),
    { ...config, scrapeIntervalSeconds: intervalSeconds, upstreamTimeoutMs: 1_000 * Math.min(5, intervalSeconds / 2) },
    undefined as never,
  );
  pollers.push(poller);
  poller.onApplicationBootstrap();
  return poller;
}

/** The database, as a client of pg answers. */
const client = {
  query: async (sql: string, parameters: unknown[]) => ({ rows: await source.query(sql, parameters) }),
} as never;
const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await sleep(0.1);
  }
}

describe('a fleet', () => {
  it('of a hundred is read in every interval, at its own place in it', async () => {
    const ids = await addFleet(
      client,
      Array.from({ length: 100 }, (_, machine) => exporter.urlOf(machine)),
    );
    startPoller(FLEET_INTERVAL_SECONDS);
    // the two readings at the beginning, and the first turn
    await sleep(1.5 * FLEET_INTERVAL_SECONDS);
    const from = new Date();
    await sleep(2 * FLEET_INTERVAL_SECONDS);
    const to = new Date();
    await sleep(1);
    const found = await regularity(client, { ids, from, to, intervalSeconds: FLEET_INTERVAL_SECONDS });
    expect(found).toMatchObject({ missed: 0 });
    expect(found.samples).toBeGreaterThanOrEqual(190);
    // a busy machine may be late by a tick or two
    expect(found.driftSeconds).toBeLessThan(2);
    expect(events.published.filter(({ type }) => type === 'server.status.changed')).toHaveLength(100);
  }, 60_000);

  it('is taken over when the process that reads a part of it dies', async () => {
    const [id] = await addFleet(client, [exporter.urlOf(1)]);
    // a process that has claimed the server, and then nothing more is heard of it
    const store = new PollStore(source, events);
    expect(await store.claim(10, 10, config.upstreamTimeoutMs + 5_000)).toHaveLength(1);
    startPoller();
    const started = Date.now();
    await until(async () => {
      const [row] = await source.query('SELECT status FROM servers WHERE id = $1', [id]);
      return row.status === 'online';
    }, 30_000);
    expect(Date.now() - started).toBeGreaterThan(5_000);
  }, 40_000);
});

describe('what a reading tells besides its sample', () => {
  it('are facts, kept without a new version, and an event when they change', async () => {
    const [id] = (await addFleet(client, [exporter.urlOf(7)])) as [string];
    startPoller();
    const facts = await until(
      async () => (await source.query('SELECT facts FROM server_facts WHERE server_id = $1', [id]))[0]?.facts,
    );
    expect(facts).toMatchObject({
      hostname: 'node',
      os: 'Debian GNU/Linux 13 (trixie)',
      kernel: '6.12.0-amd64',
      architecture: 'x86_64',
      cpuCores: 4,
      memoryBytes: 16 * 2 ** 30,
      swapBytes: 2 * 2 ** 30,
      bootedAt: expect.stringMatching(/^\d{4}-/),
      fileSystems: [
        { mountpoint: '/', device: '/dev/vda1', type: 'ext4', sizeBytes: 40 * 2 ** 30, readOnly: false },
        { mountpoint: '/srv/data "old"', device: '/dev/vdb1', type: 'xfs', sizeBytes: 100 * 2 ** 30, readOnly: false },
      ],
    });
    const changes = (): unknown[] =>
      events.published
        .filter(({ type }) => type === 'server.facts.changed')
        .map(({ data }) => (data as { changed: string[] }).changed);
    expect(changes()).toHaveLength(1);
    exporter.setMode('reboot', 7);
    await until(async () => changes().length > 1);
    expect(changes()[1]).toEqual(['bootedAt']);
    expect(await source.query('SELECT version FROM servers WHERE id = $1', [id])).toEqual([{ version: 1 }]);
  }, 40_000);

  it('are its devices, with rates from the second reading on', async () => {
    const [id] = (await addFleet(client, [exporter.urlOf(8)])) as [string];
    startPoller();
    const devices = await until(async () => {
      const [row] = await source.query('SELECT devices FROM server_polls WHERE server_id = $1', [id]);
      return row.devices?.interfaces[0]?.receiveBytesPerSecond != null && row.devices;
    });
    expect(devices.fileSystems[0]).toMatchObject({
      mountpoint: '/',
      totalBytes: 40 * 2 ** 30,
      usedBytes: 10 * 2 ** 30,
      availableBytes: 28 * 2 ** 30,
      usedPercent: 26.32,
      inodesUsedPercent: 25,
      readOnly: false,
    });
    expect(devices.interfaces).toEqual([
      { device: 'eth0', receiveBytesPerSecond: expect.any(Number), transmitBytesPerSecond: expect.any(Number) },
    ]);
    expect(devices.interfaces[0].receiveBytesPerSecond / 125_000).toBeCloseTo(1, 1);
    expect(devices.disks[1]).toEqual({
      device: 'vd1',
      readBytesPerSecond: 0,
      writtenBytesPerSecond: 0,
      busyPercent: 0,
    });
  }, 40_000);

  it('is held against thresholds: degraded after three readings', async () => {
    const [id] = (await addFleet(client, [exporter.urlOf(9)])) as [string];
    await source.query(
      `INSERT INTO status_thresholds (environment, thresholds) VALUES ('fleet', '{"memoryPercent": 20}')`,
    );
    startPoller();
    const row = await until(async () => {
      const [found] = await source.query('SELECT status, status_reason, version FROM servers WHERE id = $1', [id]);
      return found.status === 'degraded' && found;
    }, 30_000);
    expect(row).toEqual({ status: 'degraded', status_reason: 'Memory is at 25 %, limit 20 %.', version: 1 });
    await source.query('DELETE FROM status_thresholds');
    await until(
      async () => (await source.query('SELECT status FROM servers WHERE id = $1', [id]))[0].status === 'online',
      30_000,
    );
  }, 70_000);

  it('is nothing for a server that went meanwhile', async () => {
    const store = new PollStore(source, events);
    const [id] = (await addFleet(client, [`http://127.0.0.1:9/${randomUUID()}`])) as [string];
    const [claim] = await store.claim(1, 1, 10_000);
    await source.query('DELETE FROM servers WHERE id = $1', [id]);
    const state = { status: 'offline' as const, reason: 'x', failures: 2, successes: 0, strained: 0, retrySoon: false };
    await store.complete([{ claim: claim!, state, nextAt: Date.now() }]);
    expect(events.published).toEqual([]);
  });
});
