import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { type Answer, startApp, type TestApp } from './harness.js';
import { type NodeExporterStub, startNodeExporter } from './stubs/node-exporter.js';

let api: TestApp;
let exporter: NodeExporterStub;
let database: DataSource;

beforeAll(async () => {
  exporter = await startNodeExporter();
  api = await startApp({ UPSTREAM_TIMEOUT: '1', SCRAPE_INTERVAL: '5', METRICS_RETENTION_DAYS: '7' });
  database = api.app.get(DataSource);
}, 60_000);

afterAll(async () => {
  await api.close();
  await exporter.close();
});

let counter = 0;
const unique = (): string => `server-${++counter}`;

/** Registers a server; the answer's body. */
async function register(fields: object = {}, token = api.adminToken): Promise<Answer['body']> {
  const answer = await api.post('/api/servers', { name: unique(), ...fields }, { token });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body;
}

async function namesOf(query: string, token = api.adminToken): Promise<string[]> {
  const answer = await api.get(`/api/servers?${query}`, { token });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body.items.map((item: { name: string }) => item.name);
}

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('registering a server', () => {
  it('answers it with its address and version, and keeps every field', async () => {
    const fields = {
      name: unique(),
      hostname: 'web-01.example.com',
      ipAddress: '2001:db8::1',
      description: 'Web server',
      environment: 'production',
      tags: ['web', 'eu', 'web'],
      location: 'Frankfurt',
      provider: 'Hetzner',
      os: 'Debian',
      cpuCores: 8,
      memoryBytes: 2 ** 45,
      diskBytes: 2 ** 50,
      source: { type: 'none' },
    };
    const made = await api.post('/api/servers', fields);
    expect(made.status).toBe(201);
    expect(made.headers['location']).toBe(`/api/servers/${made.body.id}`);
    expect(made.headers['etag']).toBe('"1"');
    expect(made.body).toMatchObject({
      ...fields,
      tags: ['web', 'eu'],
      status: 'unknown',
      statusReason: null,
      lastSeenAt: null,
      kernel: null,
      version: 1,
    });
    const read = await api.get(`/api/servers/${made.body.id}`);
    expect(read.body).toEqual(made.body);
    expect(read.headers['etag']).toBe('"1"');
  });

  it('needs nothing but a name', async () => {
    expect(await register()).toMatchObject({
      hostname: null,
      environment: null,
      tags: [],
      description: '',
      source: { type: 'none' },
    });
  });

  it.each<[string, object, string]>([
    ['no name', { name: undefined }, '/name'],
    ['a name of null', { name: null }, '/name'],
    ['a name with a space in front', { name: ' web' }, '/name'],
    ['a name of two lines', { name: 'a\nb' }, '/name'],
    ['a name too long', { name: 'x'.repeat(101) }, '/name'],
    ['an address that is none', { ipAddress: '10.0.0.256' }, '/ipAddress'],
    ['an environment that is no label', { environment: 'a b' }, '/environment'],
    ['an empty tag', { tags: [''] }, '/tags'],
    ['tags that are no list', { tags: 'web' }, '/tags'],
    ['33 tags', { tags: Array.from({ length: 33 }, (_, tag) => `t${tag}`) }, '/tags'],
    ['half a core', { cpuCores: 0.5 }, '/cpuCores'],
    ['less than no memory', { memoryBytes: -1 }, '/memoryBytes'],
    ['an unknown field', { admin: true }, '/admin'],
    ['a field that only the poller writes', { status: 'online' }, '/status'],
    ['a source that is a text', { source: 'none' }, '/source'],
    ['a source that is a list', { source: [{ type: 'none' }] }, '/source'],
    ['a source without a type', { source: {} }, '/source/type'],
    ['a source of another type', { source: { type: 'telnet' } }, '/source/type'],
    ['a source with an inherited name', { source: { type: 'constructor' } }, '/source/type'],
    ['a node_exporter without address', { source: { type: 'node-exporter' } }, '/source/url'],
    ['no source with an address', { source: { type: 'none', url: 'http://web:9100' } }, '/source/url'],
    ['an address that is no URL', { source: { type: 'node-exporter', url: 'web:9100' } }, '/source/url'],
    ['an address of another scheme', { source: { type: 'node-exporter', url: 'file:///etc/passwd' } }, '/source/url'],
    ['an address with a password', { source: { type: 'node-exporter', url: 'http://u:p@web:9100' } }, '/source/url'],
    ['a metadata address', { source: { type: 'node-exporter', url: 'http://169.254.169.254/' } }, '/source/url'],
    ['a metadata address in disguise', { source: { type: 'node-exporter', url: 'http://0xa9fea9fe/' } }, '/source/url'],
  ])('refuses %s', async (_, fields, pointer) => {
    const answer = await api.post('/api/servers', { name: unique(), ...fields });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'validation_failed' });
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
    const tested = await api.post('/api/servers/test', { name: unique(), ...fields });
    expect(tested.status).toBe(400);
  });

  it('refuses a name that is taken, whatever its case', async () => {
    const { name } = await register();
    const answer = await api.post('/api/servers', { name: name.toUpperCase() });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ code: 'conflict', errors: [{ pointer: '/name' }] });
  });

  it('makes one server of two that are posted at once with one name', async () => {
    const name = unique();
    const answers = await Promise.all([api.post('/api/servers', { name }), api.post('/api/servers', { name })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it('names OUTBOUND_ALLOW when a local address is refused', async () => {
    const keys = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
    const production = await startApp({ NODE_ENV: 'production', ENCRYPTION_KEYS: keys });
    try {
      const answer = await production.post('/api/servers', {
        name: 'a',
        source: { type: 'node-exporter', url: exporter.url },
      });
      expect(answer.status).toBe(400);
      expect(answer.body.errors).toEqual([
        { pointer: '/source/url', message: expect.stringContaining('OUTBOUND_ALLOW') },
      ]);
    } finally {
      await production.close();
    }
  });
});

describe('changing a server', () => {
  it('changes what is given, clears with null and moves the version', async () => {
    const { id } = await register({
      hostname: 'a',
      location: 'here',
      tags: ['x'],
      description: 'd',
      environment: 'dev',
    });
    const changed = await api.patch(`/api/servers/${id}`, {
      hostname: null,
      location: 'there',
      tags: null,
      description: null,
    });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      hostname: null,
      location: 'there',
      tags: [],
      description: '',
      environment: 'dev',
      version: 2,
    });
    expect(changed.headers['etag']).toBe('"2"');
    expect((await api.get(`/api/servers/${id}`)).body).toEqual(changed.body);
  });

  it('leaves the version when nothing changes', async () => {
    const { id, name } = await register({ tags: ['x'] });
    expect((await api.patch(`/api/servers/${id}`, { name, tags: ['x'], source: { type: 'none' } })).body.version).toBe(
      1,
    );
    expect((await api.patch(`/api/servers/${id}`, {})).body.version).toBe(1);
  });

  it('refuses a stale If-Match, and takes a current one', async () => {
    const { id } = await register();
    expect((await api.patch(`/api/servers/${id}`, { location: 'a' }, { headers: { 'if-match': '"1"' } })).status).toBe(
      200,
    );
    const stale = await api.patch(`/api/servers/${id}`, { location: 'b' }, { headers: { 'if-match': '"1"' } });
    expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
    expect((await api.delete(`/api/servers/${id}`, { headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect((await api.get(`/api/servers/${id}`)).body).toMatchObject({ location: 'a', version: 2 });
  });

  it('lets one of two changes with the same If-Match through', async () => {
    const { id } = await register();
    const change = (location: string) =>
      api.patch(`/api/servers/${id}`, { location }, { headers: { 'if-match': '"1"' } });
    const answers = await Promise.all([change('a'), change('b')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it('refuses to clear the name or to take one that is taken', async () => {
    const [first, second] = [await register(), await register()];
    expect((await api.patch(`/api/servers/${first['id']}`, { name: null })).status).toBe(400);
    expect((await api.patch(`/api/servers/${first['id']}`, { name: second['name'].toUpperCase() })).status).toBe(409);
    expect((await api.patch(`/api/servers/${first['id']}`, { name: first['name'].toUpperCase() })).status).toBe(200);
  });

  it('sets and ends maintenance', async () => {
    const { id } = await register();
    expect((await api.patch(`/api/servers/${id}`, { maintenance: true })).body).toMatchObject({
      status: 'maintenance',
      version: 2,
    });
    expect((await api.patch(`/api/servers/${id}`, { maintenance: true })).body.version).toBe(2);
    expect((await api.patch(`/api/servers/${id}`, { maintenance: false })).body).toMatchObject({
      status: 'unknown',
      version: 3,
    });
    expect((await api.patch(`/api/servers/${id}`, { maintenance: null })).status).toBe(400);
  });

  it('answers 404 for one that is not there, 400 for an id that is none', async () => {
    const unknown = `/api/servers/${randomUUID()}`;
    for (const answer of [
      await api.get(unknown),
      await api.patch(unknown, {}),
      await api.delete(unknown),
      await api.post(`${unknown}/test`),
      await api.get(`${unknown}/metrics`),
      await api.get(`${unknown}/metrics/history`),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    }
    expect((await api.get('/api/servers/1')).status).toBe(400);
  });
});

describe('removing a server', () => {
  it('takes its grants and samples with it', async () => {
    const { id } = await register({ source: { type: 'node-exporter', url: exporter.urlOf(1) } });
    const user = await api.user('grantee-of-one', 'viewer', { type: 'server', id });
    expect((await api.get(`/api/servers/${id}`, { token: user.token })).status).toBe(200);
    const count = async (table: string, column = 'server_id'): Promise<number> =>
      (await database.query(`SELECT count(*)::int AS count FROM ${table} WHERE ${column} = $1`, [id]))[0].count;
    await until(async () => (await count('server_samples')) > 0);
    expect((await api.delete(`/api/servers/${id}`)).status).toBe(204);
    expect((await api.get(`/api/servers/${id}`)).status).toBe(404);
    expect((await api.delete(`/api/servers/${id}`)).status).toBe(404);
    expect(await count('grants', 'scope_id')).toBe(0);
    expect(await count('server_polls')).toBe(0);
    await until(
      async () => (await count('server_samples')) === 0 && (await count('server_sample_removals')) === 0,
      20_000,
    );
  });
});

describe('the list', () => {
  const environment = 'list-test';

  beforeAll(async () => {
    await register({
      name: 'alpha',
      environment,
      tags: ['web', 'eu'],
      os: 'Debian 12',
      hostname: 'a.example.com',
      description: '100% busy',
    });
    await register({ name: 'Beta', environment, tags: ['web', 'us'], os: 'Ubuntu 24.04', ipAddress: '10.9.8.7' });
    await register({ name: 'gamma', environment, tags: ['db'], os: 'Debian 13' });
    await register({ name: 'delta', environment: 'list-other', tags: ['web', 'eu'] });
  });

  it.each<[string, string[]]>([
    [`environment=${environment}`, ['alpha', 'Beta', 'gamma']],
    [`environment=${environment}&environment=list-other`, ['alpha', 'Beta', 'delta', 'gamma']],
    [`environment=${environment}&sort=-name`, ['gamma', 'Beta', 'alpha']],
    [`environment=${environment}&sort=status,-createdAt`, ['gamma', 'Beta', 'alpha']],
    [`environment=${environment}&os=debian`, ['alpha', 'gamma']],
    [`environment=${environment}&os=debian 13&os=ubuntu`, ['Beta', 'gamma']],
    [`environment=${environment}&tag=eu&tag=us`, ['alpha', 'Beta']],
    [`environment=${environment}&environment=list-other&tagAll=web&tagAll=eu`, ['alpha', 'delta']],
    [`environment=${environment}&status=offline`, []],
    [`environment=${environment}&status=unknown&status=online`, ['alpha', 'Beta', 'gamma']],
    [`environment=${environment}&q=EXAMPLE.com`, ['alpha']],
    [`environment=${environment}&q=10.9`, ['Beta']],
    [`environment=${environment}&q=100%25`, ['alpha']],
    [`environment=${environment}&q=%25`, ['alpha']],
    [`environment=${environment}&q=_`, []],
    [`environment=${environment}&pageSize=2&page=2`, ['gamma']],
  ])('with %s holds %j', async (query, names) => {
    expect(await namesOf(query)).toEqual(names);
  });

  it('counts, and links to the other pages', async () => {
    const answer = await api.get(`/api/servers?environment=${environment}&pageSize=2`);
    expect(answer.body).toMatchObject({ page: 1, pageSize: 2, total: 3 });
    expect(answer.body).not.toHaveProperty('totalIsExact');
    expect(answer.headers['link']).toContain('rel="next"');
  });

  it.each(['status=broken', 'sort=source', 'colour=red', 'pageSize=101', 'page=0'])('refuses %s', async (query) => {
    expect((await api.get(`/api/servers?${query}`)).status).toBe(400);
  });

  it('costs one count and one select', async () => {
    const query = jest.spyOn(PostgresQueryRunner.prototype, 'query');
    await api.get('/api/servers?tag=web');
    const statements = query.mock.calls.map(([sql]) => sql).filter((sql) => /FROM "servers" /.test(sql));
    query.mockRestore();
    expect(statements.map((sql) => /count\(/.test(sql))).toEqual([true, false]);
  });
});

describe('who may do what', () => {
  let production: { id: string; token: string };
  let reader: { id: string; token: string };
  let inside: Answer['body'];
  let outside: Answer['body'];

  beforeAll(async () => {
    inside = await register({ environment: 'who-prod' });
    outside = await register({ environment: 'who-dev' });
    production = await api.user('prod-operator', 'operator', { type: 'environment', name: 'who-prod' });
    reader = await api.user('prod-viewer', 'viewer', { type: 'environment', name: 'who-prod' });
  });

  it('shows only what is in reach', async () => {
    expect(await namesOf('pageSize=100', production.token)).toEqual([inside['name']]);
    expect((await api.get(`/api/servers/${inside['id']}`, production)).status).toBe(200);
    expect((await api.get(`/api/servers/${outside['id']}`, production)).status).toBe(404);
    expect((await api.get(`/api/servers/${outside['id']}/metrics/history`, production)).status).toBe(404);
    expect((await api.delete(`/api/servers/${outside['id']}`, production)).status).toBe(404);
  });

  it('lets servers be made and tested only where the right is held', async () => {
    const make = (fields: object, token: string) => api.post('/api/servers', { name: unique(), ...fields }, { token });
    expect((await make({ environment: 'who-prod' }, production.token)).status).toBe(201);
    expect((await make({ environment: 'who-dev' }, production.token)).status).toBe(403);
    expect((await make({}, production.token)).status).toBe(403);
    expect((await make({ environment: 'who-prod' }, reader.token)).status).toBe(403);
    const test = (fields: object) =>
      api.post('/api/servers/test', { name: unique(), ...fields }, { token: production.token });
    expect((await test({ environment: 'who-prod' })).status).toBe(200);
    expect((await test({ environment: 'who-dev' })).status).toBe(403);
  });

  it('needs the right on both sides for a move', async () => {
    const { id } = await register({ environment: 'who-prod' });
    const move = (environment: string | null, token: string) =>
      api.patch(`/api/servers/${id}`, { environment }, { token });
    expect((await move('who-dev', production.token)).status).toBe(403);
    expect((await move(null, production.token)).status).toBe(403);
    expect((await move('who-prod', production.token)).status).toBe(200);
    const one = await api.user('operator-of-one', 'operator', { type: 'server', id });
    expect((await api.patch(`/api/servers/${id}`, { location: 'x' }, one)).status).toBe(200);
    expect((await move('who-dev', one.token)).status).toBe(403);
    expect((await move('who-dev', api.adminToken)).status).toBe(200);
    expect((await api.get(`/api/servers/${id}`, production)).status).toBe(404);
    expect((await api.get(`/api/servers/${id}`)).body).toMatchObject({ environment: 'who-dev' });
  });

  it('refuses changes to whoever may only look', async () => {
    const path = `/api/servers/${inside['id']}`;
    expect((await api.get(path, reader)).status).toBe(200);
    expect((await api.patch(path, { location: 'x' }, reader)).status).toBe(403);
    expect((await api.post(`${path}/test`, undefined, reader)).status).toBe(403);
    expect((await api.delete(path, reader)).status).toBe(403);
    expect((await api.get(path, { token: null })).status).toBe(401);
  });
});

describe('testing a source', () => {
  it('answers how it went, before and after saving', async () => {
    const source = { type: 'node-exporter', url: exporter.urlOf(7) };
    const before = await api.post('/api/servers/test', { name: unique(), source });
    expect(before.status).toBe(200);
    expect(before.body).toEqual({ ok: true, latencyMs: expect.any(Number), version: null, problem: null });
    const { id } = await register({ source });
    exporter.setMode('http-500', 7);
    const after = await api.post(`/api/servers/${id}/test`);
    expect(after.status).toBe(200);
    expect(after.body).toEqual({
      ok: false,
      latencyMs: null,
      version: null,
      problem: { code: 'upstream_error', detail: 'The remote system answered 500.' },
    });
    exporter.setMode('hang', 7);
    expect((await api.post(`/api/servers/${id}/test`)).body.problem).toEqual({
      code: 'upstream_timeout',
      detail: 'No complete answer within 1 s.',
    });
  });

  it('says that there is nothing to test', async () => {
    const { id } = await register();
    expect((await api.post(`/api/servers/${id}/test`)).body).toMatchObject({
      ok: false,
      problem: { code: 'no_source' },
    });
    expect((await api.post('/api/servers/test', { name: unique() })).body).toMatchObject({
      ok: false,
      problem: { code: 'no_source' },
    });
  });
});

describe('metrics', () => {
  it('are there soon after registration, with rates and facts, and the version stays', async () => {
    const { id } = await register({ os: 'what was typed', source: { type: 'node-exporter', url: exporter.urlOf(3) } });
    const none = await api.get(`/api/servers/${id}/metrics`);
    expect([none.status, none.body.code]).toEqual([404, 'no_sample']);
    const latest = await until(async () => {
      const answer = await api.get(`/api/servers/${id}/metrics`);
      return answer.status === 200 && answer.body.cpuPercent !== null && answer.body;
    }, 6_000);
    expect(latest).toEqual({
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      cpuPercent: expect.closeTo(25, 0),
      memoryPercent: 25,
      memoryUsedBytes: 4 * 2 ** 30,
      memoryTotalBytes: 16 * 2 ** 30,
      diskPercent: expect.any(Number),
      diskUsedBytes: 60 * 2 ** 30,
      diskTotalBytes: 140 * 2 ** 30,
      networkReceiveBytesPerSecond: expect.any(Number),
      networkTransmitBytesPerSecond: expect.any(Number),
      load1: 1,
      load5: 0.75,
      load15: 0.5,
      uptimeSeconds: expect.any(Number),
    });
    expect(Math.abs(latest.networkReceiveBytesPerSecond - 125_000)).toBeLessThan(6_000);
    const { body } = await api.get(`/api/servers/${id}`);
    expect(body).toMatchObject({
      status: 'online',
      statusReason: null,
      os: 'Debian GNU/Linux 13 (trixie)',
      architecture: 'x86_64',
      cpuCores: 4,
      version: 1,
    });
    expect(body.updatedAt).toBe(body.createdAt);
    expect(Date.parse(body.lastSeenAt)).toBeGreaterThan(Date.now() - 10_000);
    const history = await api.get(`/api/servers/${id}/metrics/history`);
    expect(history.status).toBe(200);
    expect(history.body).toMatchObject({ stepSeconds: 60 });
    expect(history.body.items).toHaveLength(60);
    expect(history.body.items.at(0).cpuPercent).toEqual({ avg: null, min: null, max: null });
    expect(history.body.items.at(-1).memoryPercent).toEqual({ avg: 25, min: 25, max: 25 });
  });

  it('say offline with a reason for an exporter that is wrong from the start', async () => {
    exporter.setMode('html', 4);
    const { id } = await register({ source: { type: 'node-exporter', url: exporter.urlOf(4) } });
    const server = await until(async () => {
      const { body } = await api.get(`/api/servers/${id}`);
      return body.status === 'offline' && body;
    });
    expect(server).toMatchObject({
      statusReason: expect.stringContaining('text format'),
      lastSeenAt: null,
      version: 1,
    });
  });

  it('start afresh with another source, and end with none', async () => {
    exporter.setMode('http-500', 5);
    const { id } = await register({ source: { type: 'node-exporter', url: exporter.urlOf(5) } });
    await until(async () => (await api.get(`/api/servers/${id}`)).body.status === 'offline');
    const moved = await api.patch(`/api/servers/${id}`, { source: { type: 'node-exporter', url: exporter.urlOf(6) } });
    expect(moved.body).toMatchObject({ status: 'unknown', statusReason: null, version: 2 });
    await until(async () => (await api.get(`/api/servers/${id}`)).body.status === 'online', 3_000);
    const none = await api.patch(`/api/servers/${id}`, { source: null });
    expect(none.body).toMatchObject({ status: 'unknown', source: { type: 'none' } });
    const asked = exporter.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(exporter.requests.slice(asked).filter(({ path }) => path.includes('/s/6/'))).toEqual([]);
    expect((await api.get(`/api/servers/${id}`)).body.status).toBe('unknown');
  });

  it.each<[string, string]>([
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', '?from'],
    ['from=2026-01-01T00:00:00Z&to=2026-05-01T00:00:00Z', '?from'],
    ['from=yesterday', '?from'],
    ['points=1001', '?points'],
    ['points=0', '?points'],
    ['points=10&step=60', '?step'],
    ['step=1', '?step'],
    ['colour=red', '?colour'],
  ])('refuse a history with %s', async (query, pointer) => {
    const { id } = await register();
    const answer = await api.get(`/api/servers/${id}/metrics/history?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });

  it('take times without an offset as UTC', async () => {
    const { id } = await register();
    const { body } = await api.get(
      `/api/servers/${id}/metrics/history?from=2026-01-01T00:00:00&to=2026-01-01T01:00:00%2B00:30&step=600`,
    );
    expect(body).toMatchObject({ from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:30:00.000Z', stepSeconds: 600 });
    expect(body.items).toHaveLength(3);
  });
});

describe('the audit log', () => {
  it('holds what was done to a server, before and after', async () => {
    const { id, name } = await register({ location: 'here' });
    await api.patch(`/api/servers/${id}`, { location: 'there' });
    await api.post(`/api/servers/${id}/test`);
    await api.delete(`/api/servers/${id}`);
    const { body } = await api.get(`/api/audit?resourceId=${id}`);
    expect(body.items.map((entry: { action: string; outcome: string }) => [entry.action, entry.outcome])).toEqual([
      ['server.delete', 'succeeded'],
      ['server.test', 'succeeded'],
      ['server.update', 'succeeded'],
      ['server.create', 'succeeded'],
    ]);
    expect(body.items[0].resource).toMatchObject({ type: 'server', id, name });
    expect(body.items[2]).toMatchObject({ before: { location: 'here' }, after: { location: 'there' } });
  });
});
