import { DataSource } from 'typeorm';
import { RollUp } from '../libs/servers/src/metrics/roll-up.js';
import { type Answer, startApp, type TestApp } from './harness.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

let api: TestApp;
let database: DataSource;
let count = 0;

beforeAll(async () => {
  api = await startApp();
  database = api.app.get(DataSource);
});

afterAll(() => api.close());

async function register(source: object = { type: 'push' }, more: object = {}): Promise<string> {
  const answer = await api.post('/api/servers', { name: `pusher-${++count}`, source, ...more });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.id as string;
}

const push = (id: string, body: object, token?: string): Promise<Answer> =>
  api.post(`/api/servers/${id}/metrics`, body, token ? { token } : {});
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const serverOf = async (id: string): Promise<any> => (await api.get(`/api/servers/${id}`)).body;

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a server that pushes', () => {
  it('is unknown until its first sample, and online with it', async () => {
    const id = await register();
    expect(await serverOf(id)).toMatchObject({ status: 'unknown', source: { type: 'push', intervalSeconds: 60 } });
    const answer = await push(id, { cpuPercent: 12.5, memoryUsedBytes: 1024, load1: 0.5 });
    expect([answer.status, answer.body]).toEqual([200, { accepted: 1, rejected: [] }]);
    expect(await serverOf(id)).toMatchObject({ status: 'online', version: 1, lastSeenAt: expect.any(String) });
    expect((await api.get(`/api/servers/${id}/metrics`)).body).toMatchObject({
      cpuPercent: 12.5,
      memoryUsedBytes: 1024,
      load1: 0.5,
      diskPercent: null,
    });
  });

  it('is offline when nothing came for three intervals, and online again with the next sample', async () => {
    const id = await register({ type: 'push', intervalSeconds: 5 });
    await push(id, { load1: 1 });
    await database.query(`UPDATE server_polls SET next_at = now() WHERE server_id = $1`, [id]);
    const offline = await until(async () => {
      const server = await serverOf(id);
      return server.status === 'offline' && server;
    });
    expect(offline.statusReason).toBe('No sample was pushed for 15 s.');
    await push(id, { load1: 1 });
    expect(await serverOf(id)).toMatchObject({ status: 'online', statusReason: null });
  });

  it('stays in maintenance, and is waited for when that ends', async () => {
    const id = await register();
    await api.patch(`/api/servers/${id}`, { maintenance: true });
    await push(id, { load1: 1 });
    expect((await serverOf(id)).status).toBe('maintenance');
    await api.patch(`/api/servers/${id}`, { maintenance: false });
    const [row] = await database.query('SELECT next_at FROM server_polls WHERE server_id = $1', [id]);
    expect(row.next_at.getTime()).toBeGreaterThan(Date.now() + 2 * MINUTE);
  });

  it('publishes a change of its status', async () => {
    const id = await register();
    await push(id, { load1: 1 });
    const rows = await database.query(`SELECT type FROM events WHERE resource_id = $1 ORDER BY id`, [id]);
    expect(rows.map(({ type }: { type: string }) => type)).toEqual(['server.created', 'server.status.changed']);
  });
});

describe('batches', () => {
  it('are kept in whatever order they come, once', async () => {
    const id = await register();
    const samples = [3, 1, 2].map((minutes) => ({ at: ago(minutes * MINUTE), cpuPercent: minutes }));
    expect((await push(id, { samples })).body).toEqual({ accepted: 3, rejected: [] });
    expect((await api.get(`/api/servers/${id}/metrics`)).body.cpuPercent).toBe(1);
    const again = await push(id, { samples: [...samples, { at: ago(10 * MINUTE), cpuPercent: 10 }] });
    expect(again.body).toEqual({
      accepted: 1,
      rejected: [0, 1, 2].map((index) => ({ index, reason: 'duplicate' })),
    });
    // an older one never becomes the latest
    expect((await api.get(`/api/servers/${id}/metrics`)).body.cpuPercent).toBe(1);
  });

  it('keep what is usable of a clock that is off', async () => {
    const id = await register();
    const twice = ago(MINUTE);
    const { body } = await push(id, {
      samples: [
        { at: ago(-10 * MINUTE), load1: 1 },
        { at: ago(-2 * MINUTE), load1: 2 },
        { at: ago(31 * DAY), load1: 3 },
        { at: ago(29 * DAY), load1: 4 },
        { at: twice, load1: 5 },
        { at: twice, load1: 6 },
      ],
    });
    expect(body).toEqual({
      accepted: 3,
      rejected: [
        { index: 0, reason: 'in_the_future' },
        { index: 2, reason: 'too_old' },
        { index: 5, reason: 'duplicate' },
      ],
    });
  });

  it.each<[string, object, string]>([
    ['no figure', {}, ''],
    ['only nulls', { cpuPercent: null }, ''],
    ['a sample without figures among others', { samples: [{ load1: 1 }, { at: ago(0) }] }, '/samples/1'],
    ['figures beside samples', { load1: 1, samples: [{ load1: 1 }] }, '/load1'],
    ['a percentage that is none', { samples: [{ cpuPercent: 101 }] }, '/samples/0/cpuPercent'],
    ['an unknown field', { cpu: 1 }, '/cpu'],
    ['no samples', { samples: [] }, '/samples'],
    ['too many', { samples: Array.from({ length: 1_001 }, () => ({ load1: 1 })) }, '/samples'],
    ['a time that is none', { at: 'yesterday', load1: 1 }, '/at'],
  ])('are refused with %s', async (_, body, pointer) => {
    const answer = await push(await register(), body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });

  it('of a thousand are kept whole', async () => {
    const id = await register();
    const samples = Array.from({ length: 1_000 }, (_, index) => ({ at: ago(index * 1_000), cpuPercent: 50 }));
    expect((await push(id, { samples })).body).toEqual({ accepted: 1_000, rejected: [] });
  });

  it('that come after the roll-up are in it', async () => {
    const id = await register();
    const from = Math.floor((Date.now() - 3 * DAY) / 300_000) * 300_000;
    const at = (seconds: number): string => new Date(from + seconds * 1000).toISOString();
    await api.app.get(RollUp).advance();
    await push(id, {
      samples: [
        { at: at(0), cpuPercent: 10 },
        { at: at(60), cpuPercent: 30 },
        { at: at(120), load1: 1 },
      ],
    });
    await push(id, { at: at(310), cpuPercent: 90 });
    const { body } = await api.get(`/api/servers/${id}/metrics/history?from=${at(0)}&to=${at(2 * 86_400)}&step=600`);
    expect(body.items[0]).toMatchObject({
      at: at(0),
      cpuPercent: { avg: 43.33, min: 10, max: 90 },
      load1: { avg: 1, min: 1, max: 1 },
    });
    expect(body.items[1].cpuPercent).toEqual({ avg: null, min: null, max: null });
  });
});

describe('who may push', () => {
  it('an API token limited to it on the server, and nothing else with that', async () => {
    const id = await register();
    const other = await register();
    const { body } = await api.post('/api/tokens', {
      name: 'agent',
      permissions: ['servers:push'],
      scope: { type: 'server', id },
      expiresAt: ago(-DAY),
    });
    expect((await push(id, { load1: 1 }, body.token)).status).toBe(200);
    expect((await push(other, { load1: 1 }, body.token)).status).toBe(404);
    expect((await api.get(`/api/servers/${id}`, { token: body.token })).status).toBeGreaterThanOrEqual(403);
    expect(
      (await api.patch(`/api/servers/${id}`, { location: 'x' }, { token: body.token })).status,
    ).toBeGreaterThanOrEqual(403);
  });

  it('nobody for a server whose samples come from elsewhere', async () => {
    const id = await register({ type: 'none' });
    const answer = await push(id, { load1: 1 });
    expect([answer.status, answer.body.code]).toEqual([409, 'source_mismatch']);
  });

  it('not a viewer', async () => {
    const viewer = await api.user('push-viewer', 'viewer');
    expect((await push(await register(), { load1: 1 }, viewer.token)).status).toBe(403);
  });
});

describe('thresholds', () => {
  const over = { diskPercent: 95 };

  it('make a server degraded after three samples, by its environment or by itself', async () => {
    const environment = 'strained';
    expect(
      (await api.request('PUT', `/api/environments/${environment}/thresholds`, { body: { diskPercent: 90 } })).body,
    ).toEqual({
      cpuPercent: null,
      memoryPercent: null,
      diskPercent: 90,
    });
    const id = await register({ type: 'push' }, { environment });
    for (const minutes of [4, 3]) await push(id, { at: ago(minutes * MINUTE), ...over });
    expect((await serverOf(id)).status).toBe('online');
    await push(id, { at: ago(2 * MINUTE), ...over });
    expect(await serverOf(id)).toMatchObject({ status: 'degraded', statusReason: 'Disk is at 95 %, limit 90 %.' });
    // its own, higher, wins; a batch moves the status on sample by sample
    const own = await api.request('PUT', `/api/servers/${id}/thresholds`, { body: { diskPercent: 97 } });
    expect(own.body).toEqual({
      own: { diskPercent: 97 },
      effective: { cpuPercent: null, memoryPercent: null, diskPercent: 97 },
    });
    await push(id, { samples: [50, 40, 30].map((seconds) => ({ at: ago(seconds * 1000), ...over })) });
    expect(await serverOf(id)).toMatchObject({ status: 'online', statusReason: null });
    expect((await serverOf(id)).version).toBe(1);
  });

  it('of an environment are up to who may write there', async () => {
    const operator = await api.user('threshold-operator', 'operator', { type: 'environment', name: 'theirs' });
    const put = (name: string): Promise<Answer> =>
      api.request('PUT', `/api/environments/${name}/thresholds`, { body: { cpuPercent: 80 }, token: operator.token });
    expect((await put('theirs')).status).toBe(200);
    expect([403, 404]).toContain((await put('others')).status);
    const get = await api.get('/api/environments/theirs/thresholds', { token: operator.token });
    expect(get.body).toMatchObject({ cpuPercent: 80 });
  });

  it.each([{ cpuPercent: 0 }, { cpuPercent: 101 }, { swapPercent: 50 }, { diskPercent: 'high' }])(
    'refuse %j',
    async (body) => {
      expect((await api.request('PUT', `/api/servers/${await register()}/thresholds`, { body })).status).toBe(400);
    },
  );
});
