import { randomUUID } from 'node:crypto';
import { type Answer, startApp, type TestApp } from './harness.js';
import { type NodeExporterStub, startNodeExporter } from './stubs/node-exporter.js';

describe('Idempotency-Key', () => {
  let app: TestApp;
  let exporter: NodeExporterStub;

  beforeAll(async () => {
    [app, exporter] = await Promise.all([startApp({ UPSTREAM_TIMEOUT: '1' }), startNodeExporter()]);
  });

  afterAll(async () => {
    await app.close();
    await exporter.close();
  });

  const send = (path: string, body: unknown, key: string, token?: string): Promise<Answer> =>
    app.post(path, body, { headers: { 'idempotency-key': key }, ...(token ? { token } : {}) });

  const countOf = async (name: string): Promise<number> =>
    (await app.get(`/api/servers?q=${name}`)).body.total as number;

  it('answers a second time as the first, and does nothing', async () => {
    const [key, name] = [randomUUID(), 'replayed-server'];
    const body = { name, description: 'ü “quoted” \\', tags: ['b', 'a'], environment: 'lab' };
    const first = await send('/api/servers', body, key);
    expect(first.status).toBe(201);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    // even when the thing has changed since
    await app.patch(`/api/servers/${first.body.id}`, { description: 'changed' });
    for (let i = 0; i < 2; i++) {
      const again = await send('/api/servers', body, key);
      expect(again.status).toBe(201);
      // byte for byte
      expect(again.text).toBe(first.text);
      expect(again.headers['location']).toBe(first.headers['location']);
      expect(again.headers['etag']).toBe(first.headers['etag']);
      expect(again.headers['content-type']).toBe(first.headers['content-type']);
      expect(again.headers['idempotency-replayed']).toBe('true');
    }
    expect(await countOf(name)).toBe(1);
    const entries = (await app.get(`/api/audit?action=server.create&resourceId=${first.body.id}`)).body.items;
    expect(entries).toHaveLength(1);
  });

  it('refuses the key for another body', async () => {
    const key = randomUUID();
    expect((await send('/api/servers', { name: 'body-a' }, key)).status).toBe(201);
    const other = await send('/api/servers', { name: 'body-b' }, key);
    expect([other.status, other.body.code]).toEqual([409, 'conflict']);
    expect(other.body.detail).toMatch(/another body/);
    expect(await countOf('body-b')).toBe(0);
    expect((await send('/api/servers', { name: 'body-a' }, key)).headers['idempotency-replayed']).toBe('true');
  });

  it('belongs to one user and one route', async () => {
    const key = randomUUID();
    const other = await app.user('keyed', 'operator');
    expect((await send('/api/servers', { name: 'mine' }, key)).status).toBe(201);
    const theirs = await send('/api/servers', { name: 'theirs' }, key, other.token);
    expect([theirs.status, theirs.headers['idempotency-replayed']]).toEqual([201, undefined]);
    const team = await send('/api/teams', { name: 'keyed team' }, key);
    expect([team.status, team.headers['idempotency-replayed']]).toEqual([201, undefined]);
  });

  it('says that the first request is still worked on, whatever comes meanwhile', async () => {
    const machine = exporter.urlOf(1);
    exporter.setMode('hang', 1);
    const body = { name: 'slow', source: { type: 'node-exporter', url: machine } };
    const key = randomUUID();
    const first = send('/api/servers/test', body, key);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await send('/api/servers/test', body, key);
    expect([second.status, second.body.code]).toEqual([409, 'conflict']);
    expect(second.body.detail).toMatch(/being worked on/);
    expect((await first).status).toBe(200);
    const third = await send('/api/servers/test', body, key);
    expect([third.status, third.headers['idempotency-replayed']]).toEqual([200, 'true']);
  });

  it('creates once, however many send it at the same time', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 12 }, () => send('/api/servers', { name: 'racing' }, key)));
    const created = answers.filter(({ status }) => status === 201);
    // those that come while it is worked on are told so, later ones get its answer
    expect(answers.map(({ status }) => status).filter((status) => status !== 201 && status !== 409)).toEqual([]);
    expect(created.filter(({ headers }) => !headers['idempotency-replayed'])).toHaveLength(1);
    expect(await countOf('racing')).toBe(1);
  });

  it('keeps no secret: the replay says where the thing is, and that its secret is gone', async () => {
    const key = randomUUID();
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const body = { name: 'ci', permissions: ['servers:read'], expiresAt };
    const first = await send('/api/tokens', body, key);
    expect(first.status).toBe(201);
    const secret = first.body.token as string;
    const again = await send('/api/tokens', body, key);
    expect([again.status, again.body.code]).toEqual([409, 'conflict']);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(again.text).not.toContain(secret);
    const listed = await app.get('/api/tokens');
    expect(listed.body.items.filter(({ name }: { name: string }) => name === 'ci')).toHaveLength(1);
  });

  it('is free again when the create failed', async () => {
    const key = randomUUID();
    expect((await send('/api/servers', { name: '' }, key)).status).toBe(400);
    expect((await send('/api/servers', { name: 'second try' }, key)).status).toBe(201);
    const other = randomUUID();
    expect((await send('/api/servers', { name: 'second try' }, other)).status).toBe(409);
    await app.delete(`/api/servers/${(await app.get('/api/servers?q=second%20try')).body.items[0].id}`);
    expect((await send('/api/servers', { name: 'second try' }, other)).status).toBe(201);
  });

  it('keeps an answer without a body', async () => {
    const token = await app.signIn('admin');
    const key = randomUUID();
    expect((await send('/api/logout', undefined, key, token)).status).toBe(204);
  });

  it.each([
    ['empty', ''],
    ['with a space', 'a b'],
    ['beyond ASCII', 'schlüssel'],
    ['too long', 'x'.repeat(256)],
  ])('refuses a key that is %s', async (_, key) => {
    const answer = await send('/api/servers', { name: `bad key ${key.length}` }, key);
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed']);
    expect(await countOf('bad%20key')).toBe(0);
  });

  it('means nothing to reads and changes, and to sign-in', async () => {
    const key = { 'idempotency-key': 'the same' };
    for (let i = 0; i < 2; i++) {
      const read = await app.get('/api/servers', { headers: key });
      expect([read.status, read.headers['idempotency-replayed']]).toEqual([200, undefined]);
      const body = { username: 'admin', password: app.config.adminPassword };
      const signedIn = await app.post('/api/login', body, { token: null, headers: key });
      expect([signedIn.status, signedIn.headers['idempotency-replayed']]).toEqual([200, undefined]);
    }
  });
});
