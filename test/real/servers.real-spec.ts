import { readFileSync, statfsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { DataSource } from 'typeorm';
import { startApp, type TestApp } from '../harness.js';
import { type NodeExporterStub, startNodeExporter } from '../stubs/node-exporter.js';
import { nodeExporter, postgres, type PostgresService, type Service } from './services.js';

const INTERVAL_MS = 5_000;
const KEYS = `test:${Buffer.alloc(32, 1).toString('base64')}`;

let database: PostgresService;

beforeAll(async () => {
  database = await postgres();
}, 60_000);

afterAll(() => database.stop());

function start(): Promise<TestApp> {
  return startApp({ DATABASE_URL: database.url, ENCRYPTION_KEYS: KEYS, SCRAPE_INTERVAL: String(INTERVAL_MS / 1000) });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 30_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await sleep(50);
  }
}

async function register(api: TestApp, name: string, url: string): Promise<string> {
  const answer = await api.post('/api/servers', { name, source: { type: 'node-exporter', url } });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body.id as string;
}

describe('a real node_exporter', () => {
  let api: TestApp;
  let exporter: Service;
  let burner: Worker;

  beforeAll(async () => {
    [api, exporter] = await Promise.all([start(), nodeExporter()]);
    // half of the time, so that there is something between idle and busy to measure
    burner = new Worker(
      'for (;;) { const end = Date.now() + 50; while (Date.now() < end); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); }',
      { eval: true },
    );
  }, 60_000);

  afterAll(async () => {
    await burner.terminate();
    await api.close();
    await exporter.stop();
  });

  it('tells its version', async () => {
    const { body } = await api.post('/api/servers/test', {
      name: 'this machine',
      source: { type: 'node-exporter', url: exporter.url },
    });
    expect(body).toEqual({
      ok: true,
      latencyMs: expect.any(Number),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      problem: null,
    });
  });

  it('makes the figures that /proc shows', async () => {
    const watched: { at: number; busy: number; total: number; memory: number }[] = [];
    const watcher = setInterval(
      () => watched.push({ at: Date.now(), ...processorTimes(), memory: memoryPercent() }),
      50,
    );
    const id = await register(api, 'this machine', exporter.url);
    const source = api.app.get(DataSource);
    const samples = await until(async () => {
      const rows: { ts: Date; cpu_percent: number | null; memory_percent: number }[] = await source.query(
        'SELECT ts, cpu_percent, memory_percent FROM server_samples WHERE server_id = $1 ORDER BY ts',
        [id],
      );
      return rows.length >= 4 && rows;
    });
    clearInterval(watcher);
    const near = (time: Date) =>
      watched.reduce((best, point) =>
        Math.abs(point.at - time.getTime()) < Math.abs(best.at - time.getTime()) ? point : best,
      );
    for (const [index, { ts, cpu_percent: cpu, memory_percent: memory }] of samples.entries()) {
      expect(Math.abs(memory - near(ts).memory)).toBeLessThanOrEqual(2);
      const before = samples[index - 1];
      if (!before) {
        expect(cpu).toBeNull();
        continue;
      }
      const [from, to] = [near(before.ts), near(ts)];
      expect(Math.abs((cpu ?? NaN) - ((to.busy - from.busy) / (to.total - from.total)) * 100)).toBeLessThanOrEqual(5);
    }
    const { body: latest } = await api.get(`/api/servers/${id}/metrics`);
    expect(Math.abs(latest.uptimeSeconds - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]))).toBeLessThan(
      30,
    );
    expect(latest.memoryTotalBytes).toBe(meminfo('MemTotal'));
    expect(Math.abs(latest.load15 - Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[2]))).toBeLessThan(0.5);
    const { body: server } = await api.get(`/api/servers/${id}`);
    expect(server).toMatchObject({
      status: 'online',
      kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
      cpuCores: processors(),
      memoryBytes: meminfo('MemTotal'),
    });
    if (latest.diskTotalBytes !== null) expect(latest.diskTotalBytes).toBeGreaterThanOrEqual(rootSize() / 100);
  }, 60_000);
});

describe('two replicas on one PostgreSQL', () => {
  const MACHINES = 40;
  let replicas: TestApp[] = [];
  let exporter: NodeExporterStub;

  beforeAll(async () => {
    exporter = await startNodeExporter();
    replicas = [await start()];
    replicas.push(await start());
  }, 60_000);

  afterAll(async () => {
    await Promise.all(replicas.map((api) => api.close()));
    await exporter.close();
  });

  const timesOf = (machine: number): number[] =>
    exporter.requests.filter(({ path }) => exporter.urlOf(machine).endsWith(path)).map(({ at }) => at);
  const gapsOf = (machine: number): number[] =>
    timesOf(machine).flatMap((at, index, all) => (index === 0 ? [] : [at - all[index - 1]!]));

  it('share the servers: each is read once a turn, by one or the other, also while servers are changed and when one replica stops', async () => {
    const ids = await Promise.all(
      Array.from({ length: MACHINES }, (_, machine) =>
        register(replicas[machine % 2]!, `machine ${machine}`, exporter.urlOf(machine)),
      ),
    );
    const stop = Date.now() + 3 * INTERVAL_MS;
    while (Date.now() < stop) {
      const answers = await Promise.all(
        ids.map((id, index) => replicas[index % 2]!.patch(`/api/servers/${id}`, { location: `rack ${Date.now()}` })),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      await sleep(200);
    }
    await replicas.pop()!.close();
    await sleep(2 * INTERVAL_MS);
    const gaps = Array.from({ length: MACHINES }, (_, machine) => gapsOf(machine)).flat();
    expect(Math.min(...gaps)).toBeGreaterThan(INTERVAL_MS / 3 - 700);
    expect(Math.max(...gaps)).toBeLessThan((INTERVAL_MS * 4) / 3 + 1_000);
    const readings = Array.from({ length: MACHINES }, (_, machine) => timesOf(machine).length);
    expect(Math.min(...readings)).toBeGreaterThanOrEqual(6);
    const stored: { count: number }[] = await replicas[0]!.app
      .get(DataSource)
      .query('SELECT count(*)::int AS count FROM server_samples WHERE server_id = ANY($1) GROUP BY server_id', [ids]);
    expect(stored).toHaveLength(MACHINES);
  }, 120_000);

  it('remove servers while they are read, with every sample', async () => {
    const api = replicas[0]!;
    const ids = await Promise.all(
      Array.from({ length: MACHINES }, (_, machine) =>
        register(api, `short-lived ${machine}`, exporter.urlOf(machine)),
      ),
    );
    await sleep(600);
    const answers = await Promise.all(ids.map((id) => api.delete(`/api/servers/${id}`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    const source = api.app.get(DataSource);
    await until(async () => {
      const [row]: { left: number }[] = await source.query(
        'SELECT (SELECT count(*) FROM server_samples WHERE server_id = ANY($1))::int + (SELECT count(*) FROM server_sample_removals)::int AS left',
        [ids],
      );
      return row?.left === 0;
    }, 40_000);
  }, 90_000);
});

function processorTimes(): { busy: number; total: number } {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const total = user + nice + system + idle + iowait + irq + softirq + steal;
  return { busy: total - idle - iowait, total };
}

function processors(): number {
  return readFileSync('/proc/stat', 'utf8').match(/^cpu\d+ /gm)?.length ?? 0;
}

function meminfo(name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
}

function memoryPercent(): number {
  return (1 - meminfo('MemAvailable') / meminfo('MemTotal')) * 100;
}

function rootSize(): number {
  const { blocks, bsize } = statfsSync('/');
  return blocks * bsize;
}
