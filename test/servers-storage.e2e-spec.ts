import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { type AppConfig, loadConfig, NotFound } from '#core';
import { openDataSource } from '../apps/api/src/database/data-source.js';
import { insertSamples } from '../libs/servers/src/metrics/sample-rows.js';
import { SamplePartitions } from '../libs/servers/src/metrics/sample-partitions.js';
import { METRIC_FIELDS } from '../libs/servers/src/metrics/sample-columns.js';
import { MetricsService } from '../libs/servers/src/metrics/metrics.service.js';
import type { MetricSample, NodeReading } from '../libs/servers/src/node-exporter-metrics.js';
import { type Claim, type PollResult, PollStore } from '../libs/servers/src/polling/poll-store.js';
import { Server } from '../libs/servers/src/server.entity.js';
import { RecordedEvents } from './support/recorded-events.js';

const DAY_MS = 86_400_000;
const config: AppConfig = loadConfig({ METRICS_RETENTION_DAYS: '3' });

let source: DataSource;
let store: PollStore;
const events = new RecordedEvents();
let partitions: SamplePartitions;

beforeAll(async () => {
  source = await openDataSource(config.database, null, [Server]);
  store = new PollStore(source, events);
  partitions = new SamplePartitions(source, config);
  await partitions.ensure();
});

afterAll(() => source.destroy());

afterEach(() => source.query('DELETE FROM servers'));

/** A server that is due now. */
async function addServer(more: { failures?: number; status?: string } = {}): Promise<string> {
  const id = randomUUID();
  await source.query(`INSERT INTO servers (id, name, status, source) VALUES ($1, $2, $3, $4)`, [
    id,
    `server ${id}`,
    more.status ?? 'unknown',
    { type: 'node-exporter', url: `http://127.0.0.1:9100/${id}` },
  ]);
  await source.query('INSERT INTO server_polls (server_id, next_at, failures) VALUES ($1, now(), $2)', [
    id,
    more.failures ?? 0,
  ]);
  return id;
}

function sampleAt(at: Date, figures: Partial<MetricSample> = {}): MetricSample {
  return {
    ...(Object.fromEntries(METRIC_FIELDS.map((field) => [field, null])) as unknown as MetricSample),
    ...figures,
    at,
  };
}

const NO_DEVICES = { at: '2026-01-01T00:00:00.000Z', fileSystems: [], disks: [], interfaces: [] };
const reading = { at: 5, interfaces: [], fileSystems: [{}], os: 'Debian \u0000 12' } as unknown as NodeReading;

function success(claim: Claim, figures: Partial<MetricSample> = {}): PollResult {
  return {
    claim,
    state: { status: 'online', reason: null, failures: 0, successes: 1, strained: 0, retrySoon: false },
    nextAt: claim.claimedAt + 15_000,
    success: {
      reading,
      sample: sampleAt(new Date(), figures),
      newFacts: null,
      devices: NO_DEVICES,
      found: { os: 'Debian' },
    },
  };
}

async function claimOne(): Promise<Claim> {
  const [claim] = await store.claim(10, 10, 15_000);
  if (!claim) throw new Error('nothing was due');
  return claim;
}

async function row(id: string): Promise<Record<string, unknown>> {
  const [found] = await source.query(
    'SELECT s.*, p.next_at, p.lease, p.failures, p.latest, p.reading FROM servers s JOIN server_polls p ON p.server_id = s.id WHERE s.id = $1',
    [id],
  );
  return found as Record<string, unknown>;
}

describe('claiming servers', () => {
  it('gives each server to one claimer, with its address and what is known of it', async () => {
    const id = await addServer();
    const first = await store.claim(10, 10, 15_000);
    expect(first).toMatchObject([
      { serverId: id, source: { url: `http://127.0.0.1:9100/${id}` }, status: 'unknown', failures: 0, previous: null },
    ]);
    expect(first[0]?.facts).toEqual({
      os: null,
      kernel: null,
      architecture: null,
      cpuCores: null,
      memoryBytes: null,
      diskBytes: null,
    });
    expect(await store.claim(10, 10, 15_000)).toEqual([]);
  });

  it('hands a server over when the lease of a process that died has ended', async () => {
    const id = await addServer();
    await store.claim(10, 10, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await store.claim(10, 10, 15_000)).map(({ serverId }) => serverId)).toEqual([id]);
  });

  it('keeps places for servers that answer when many others fail', async () => {
    for (let index = 0; index < 5; index++) await addServer({ failures: 1, status: 'offline' });
    const steady = await addServer();
    const claims = await store.claim(3, 2, 15_000);
    expect(claims).toHaveLength(3);
    expect(claims.map(({ serverId }) => serverId)).toContain(steady);
  });

  it('makes what is given back due at once', async () => {
    const id = await addServer();
    await store.release([await claimOne()]);
    expect((await claimOne()).serverId).toBe(id);
  });
});

describe('writing results', () => {
  it('keeps sample, status and reading without a new version', async () => {
    const id = await addServer();
    const before = await row(id);
    await store.complete([success(await claimOne(), { cpuPercent: 12.5, memoryUsedBytes: 2 ** 40 })]);
    const after = await row(id);
    expect(after).toMatchObject({
      status: 'online',
      version: 1,
      updated_at: before['updated_at'],
      lease: null,
      reading: { at: 5, os: 'Debian \u0000 12', fileSystems: [] },
    });
    expect(after['latest']).toMatchObject({ cpuPercent: 12.5, memoryUsedBytes: 2 ** 40, load1: null });
    expect(after['last_seen_at']).toBeInstanceOf(Date);
    expect(
      await source.query('SELECT cpu_percent, memory_used_bytes FROM server_samples WHERE server_id = $1', [id]),
    ).toEqual([{ cpu_percent: 12.5, memory_used_bytes: String(2 ** 40) }]);
  });

  it('keeps a sample whose figures no column can hold, with those figures missing', async () => {
    const id = await addServer();
    await store.complete([
      success(await claimOne(), { cpuPercent: 1e300, load1: 1e-300, memoryUsedBytes: 1e30, load5: NaN }),
    ]);
    expect(
      await source.query(
        'SELECT cpu_percent, load1, load5, memory_used_bytes FROM server_samples WHERE server_id = $1',
        [id],
      ),
    ).toEqual([{ cpu_percent: null, load1: 0, load5: null, memory_used_bytes: null }]);
  });

  it('drops the result of a reading that has lost its lease, and keeps the others of the batch', async () => {
    const [lost, kept] = [await addServer(), await addServer()];
    const claims = await store.claim(10, 10, 15_000);
    await source.query(`UPDATE server_polls SET lease = NULL WHERE server_id = $1`, [lost]);
    await store.complete(claims.map((claim) => success(claim)));
    expect((await row(lost))['status']).toBe('unknown');
    expect((await row(kept))['status']).toBe('online');
    expect(await source.query('SELECT 1 FROM server_samples WHERE server_id = $1', [lost])).toEqual([]);
  });

  it('drops the result for a server that was removed meanwhile', async () => {
    const id = await addServer();
    const claim = await claimOne();
    await source.query('DELETE FROM servers WHERE id = $1', [id]);
    await store.complete([success(claim)]);
    expect(await source.query('SELECT 1 FROM server_samples WHERE server_id = $1', [id])).toEqual([]);
  });

  it('writes a failure without touching last seen, the sample or the facts', async () => {
    const id = await addServer();
    const claim = await claimOne();
    await store.complete([
      {
        claim,
        nextAt: claim.claimedAt + 5_000,
        state: {
          status: 'offline',
          reason: 'It could not be reached.',
          failures: 2,
          successes: 0,
          strained: 0,
          retrySoon: false,
        },
      },
    ]);
    expect(await row(id)).toMatchObject({
      status: 'offline',
      status_reason: 'It could not be reached.',
      failures: 2,
      last_seen_at: null,
      latest: null,
    });
  });

  it('replaces facts', async () => {
    const id = await addServer();
    const result = success(await claimOne());
    const facts = {
      os: 'Debian',
      kernel: '6.1',
      architecture: 'x86_64',
      cpuCores: 8,
      memoryBytes: 2 ** 35,
      diskBytes: 2 ** 40,
    };
    if (result.success) result.success.newFacts = facts;
    await store.complete([result]);
    expect(await row(id)).toMatchObject({ os: 'Debian', cpu_cores: 8, memory_bytes: String(2 ** 35), version: 1 });
    await source.query('UPDATE server_polls SET next_at = now() WHERE server_id = $1', [id]);
    expect((await claimOne()).facts).toEqual(facts);
  });
});

describe('history', () => {
  const service = (): MetricsService => new MetricsService(source, source.getRepository(Server), config);
  const at = (minute: number): Date =>
    new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000 + minute * 60_000);

  it('answers average, least and most a step, and nulls where there was nothing', async () => {
    const serverId = randomUUID();
    const sample = (minute: number, cpuPercent: number | null): { serverId: string; sample: MetricSample } => ({
      serverId,
      sample: sampleAt(at(minute), { cpuPercent, memoryUsedBytes: 1000 * minute }),
    });
    await insertSamples(source.manager, [
      sample(0, 10),
      sample(1, 20.1),
      sample(4.9, 60),
      sample(15, null),
      sample(20, 5),
    ]);
    const history = await service().history(serverId, {
      from: at(0).toISOString(),
      to: at(20).toISOString(),
      step: 300,
    });
    expect(history).toMatchObject({ from: at(0).toISOString(), to: at(20).toISOString(), stepSeconds: 300 });
    expect(history.items.map((item) => item.at)).toEqual([0, 5, 10, 15].map((minute) => at(minute).toISOString()));
    expect(history.items.map((item) => item.cpuPercent)).toEqual([
      { avg: 30.03, min: 10, max: 60 },
      { avg: null, min: null, max: null },
      { avg: null, min: null, max: null },
      { avg: null, min: null, max: null },
    ]);
    expect(history.items[3]?.memoryUsedBytes).toEqual({ avg: 15_000, min: 15_000, max: 15_000 });
  });

  it('keeps a sample that comes twice once', async () => {
    const entry = { serverId: randomUUID(), sample: sampleAt(at(3), { load1: 1 }) };
    await insertSamples(source.manager, [entry, entry]);
    await insertSamples(source.manager, [entry]);
    expect(
      await source.query('SELECT count(*)::int AS count FROM server_samples WHERE server_id = $1', [entry.serverId]),
    ).toEqual([{ count: 1 }]);
  });

  it('says that a server is unknown', async () => {
    await expect(service().history(randomUUID(), {})).rejects.toThrow(NotFound);
  });
});

describe('partitions', () => {
  const names = async (): Promise<string[]> => {
    const rows: { name: string }[] = await source.query(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'server_samples'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('are made ahead once, dropped after retention, and hold the index of charts', async () => {
    const now = Date.UTC(2020, 1, 28, 23, 59);
    await partitions.ensure(now);
    await partitions.ensure(now);
    expect((await names()).slice(0, 4)).toEqual([
      'server_samples_20200227',
      'server_samples_20200228',
      'server_samples_20200229',
      'server_samples_20200301',
    ]);
    expect(
      await source.query(`SELECT count(*)::int AS count FROM pg_indexes WHERE tablename = 'server_samples_20200229'`),
    ).toEqual([{ count: 1 }]);
    await partitions.dropOld(now + 4 * DAY_MS);
    expect((await names()).slice(0, 2)).toEqual(['server_samples_20200229', 'server_samples_20200301']);
    await partitions.dropOld();
    expect(await names()).toHaveLength(4);
  });

  it('lose the samples of servers that are gone', async () => {
    const [gone, stays] = [randomUUID(), randomUUID()];
    await insertSamples(
      source.manager,
      [gone, stays].flatMap((serverId) =>
        [0, 1].map((days) => ({ serverId, sample: sampleAt(new Date(Date.now() - days * DAY_MS)) })),
      ),
    );
    await source.query('INSERT INTO server_sample_removals (server_id) VALUES ($1)', [gone]);
    await partitions.removeOrphans();
    expect(
      await source.query(
        'SELECT server_id, count(*)::int AS count FROM server_samples WHERE server_id = ANY($1) GROUP BY 1',
        [[gone, stays]],
      ),
    ).toEqual([{ server_id: stays, count: 2 }]);
    expect(await source.query('SELECT 1 FROM server_sample_removals')).toEqual([]);
  });
});
