import { DataSource } from 'typeorm';
import { ADMIN_PASSWORD, startApp, type TestApp } from './harness.js';

type Entry = any;

const SECRET = 'an s3cret nobody may see';

describe('audit log', () => {
  let app: TestApp;
  let serverId: string;
  let viewer: { id: string; token: string };

  beforeAll(async () => {
    app = await startApp();
    viewer = await app.user('vera', 'viewer');
    serverId = await createServer('web-1');
    await app.patch(`/api/servers/${serverId}`, { description: 'the first one' });
    await createServer('web-2');
    await app.post('/api/servers', { name: 'web-3', nonsense: true });
  });

  afterAll(() => app?.close());

  async function createServer(name: string): Promise<string> {
    const made = await app.post('/api/servers', {
      name,
      hostname: `${name}.example.com`,
      environment: 'production',
      source: { type: 'none' },
    });
    expect(made.status).toBe(201);
    return made.body.id as string;
  }

  async function items(query: string): Promise<Entry[]> {
    const answer = await app.get(`/api/audit?${query}`);
    expect(answer.status).toBe(200);
    return answer.body.items;
  }

  /** What somebody with all rights in the database does, past every trigger. */
  async function byHand(sql: string): Promise<void> {
    const source = app.app.get(DataSource);
    await source.query('SET session_replication_role = replica');
    try {
      await source.query(sql);
    } finally {
      await source.query('SET session_replication_role = origin');
    }
  }

  it('finds the entry of a creation by the new id, with who, how and what', async () => {
    const [changed, created] = await items(`resourceId=${serverId}`);
    expect(created).toMatchObject({
      action: 'server.create',
      outcome: 'succeeded',
      status: 201,
      actor: { name: 'admin', via: { type: 'session' } },
      grant: { role: 'admin', scope: { type: 'all' } },
      resource: { type: 'server', id: serverId, name: 'web-1' },
      before: null,
      after: { name: 'web-1', environment: 'production' },
    });
    expect(changed).toMatchObject({
      action: 'server.update',
      status: 200,
      before: { description: '' },
      after: { description: 'the first one' },
    });
    expect(Object.keys(changed.after)).not.toContain('name');
    expect((await app.get(`/api/audit/${created.id}`)).body).toEqual(created);
  });

  it('knows the request by its id', async () => {
    const { headers } = await app.patch(
      `/api/servers/${serverId}`,
      { description: 'again' },
      { headers: { 'x-request-id': 'my-request', 'user-agent': 'test/1' } },
    );
    expect(headers['x-request-id']).toBe('my-request');
    expect((await items(`resourceId=${serverId}&limit=1`))[0]).toMatchObject({
      requestId: 'my-request',
      userAgent: 'test/1',
      address: '127.0.0.1',
    });
  });

  it('records sign-ins, those that failed under the name that was tried', async () => {
    await app.post('/api/login', { username: 'vera', password: SECRET }, { token: null });
    await app.post('/api/login', { username: 'nobody-here', password: SECRET }, { token: null });
    expect((await items('actor=vera&outcome=failed'))[0]).toMatchObject({ status: 401, actor: { name: 'vera' } });
    expect((await items('actor=nobody-here'))[0]).toMatchObject({
      outcome: 'failed',
      status: 401,
      actor: { id: null, name: 'nobody-here' },
    });
    await app.signIn('admin', ADMIN_PASSWORD);
    expect((await items('actor=admin&outcome=succeeded&limit=1'))[0]).toMatchObject({
      status: 200,
      resource: { type: expect.any(String) },
    });
    const export_ = await app.get('/api/audit/export');
    expect(export_.text).not.toContain(SECRET);
    expect(export_.text).not.toContain(ADMIN_PASSWORD);
  });

  it('records a refusal once, however often it is tried within a minute', async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      expect((await app.delete(`/api/servers/${serverId}`, { token: viewer.token })).status).toBe(403);
    }
    const refused = await items(`actor=${viewer.id}&outcome=refused`);
    expect(refused).toEqual([
      expect.objectContaining({
        action: 'server.delete',
        status: 403,
        count: 1,
        resource: expect.objectContaining({ id: serverId }),
      }),
    ]);
  });

  it('records invalid input as failed', async () => {
    expect((await items('action=server.create&outcome=failed'))[0]).toMatchObject({
      status: 400,
      resource: null,
      after: null,
    });
  });

  it('filters by all it offers, and refuses what it does not', async () => {
    const actions = (list: Entry[]): string[] => [...new Set<string>(list.map(({ action }) => action))].sort();
    expect(actions(await items('action=server.*&resourceType=server&outcome=succeeded'))).toEqual([
      'server.create',
      'server.update',
    ]);
    expect(actions(await items('action=server.create'))).toEqual(['server.create']);
    const { at } = (await items('action=server.create&outcome=failed'))[0];
    expect(await items(`to=${at}&action=server.create`)).toHaveLength(2);
    expect((await items(`from=${at}&action=server.create`)).map(({ outcome }) => outcome)).toEqual(['failed']);
    expect(await items('from=2999-01-01T00:00:00Z')).toEqual([]);
    for (const wrong of [
      'outcome=done',
      'from=yesterday',
      'from=2026-02-30',
      'from=2026-W05',
      'to=2026-11-24T10:00',
      'from=0000-01-01',
      'cursor=abc',
      'limit=101',
      'action=a*',
      'sort=at',
      'nonsense=1',
    ]) {
      expect([wrong, (await app.get(`/api/audit?${wrong}`)).status]).toEqual([wrong, 400]);
    }
  });

  it('pages to the end without gap or repetition', async () => {
    const all = (await items('limit=100')).map(({ id }) => id);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await app.get(`/api/audit?limit=3${cursor && `&cursor=${cursor}`}`);
      paged.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    }
    expect(paged).toEqual(all);
    expect(new Set(paged).size).toBe(paged.length);
  });

  it('exports what matches, as CSV and as NDJSON, and records that', async () => {
    await app.post('/api/servers', { name: '=HYPERLINK("x")', hostname: 'h.example.com', source: { type: 'none' } });
    const csv = await app.get('/api/audit/export?format=csv&action=server.*');
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    expect(csv.headers['content-disposition']).toBe('attachment; filename="audit.csv"');
    const lines = csv.text.trimEnd().split('\r\n');
    expect(lines).toHaveLength((await items('action=server.*&limit=100')).length + 1);
    for (const line of lines) expect(line).not.toMatch(/(^|,)"?[=+@-]/);
    const ndjson = await app.get('/api/audit/export?format=ndjson&outcome=succeeded&action=server.create');
    expect(ndjson.headers['content-type']).toMatch(/^application\/x-ndjson/);
    const objects = ndjson.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(objects).toEqual(await items('outcome=succeeded&action=server.create&limit=100'));
    expect((await items('action=audit.export&limit=1'))[0]).toMatchObject({
      outcome: 'succeeded',
      actor: { name: 'admin' },
    });
    expect((await app.get('/api/audit/export?format=xml')).status).toBe(400);
  });

  it('is for those who may read it', async () => {
    const auditor = await app.user('otto', 'auditor');
    for (const path of ['/api/audit', '/api/audit/verify', '/api/audit/export']) {
      expect((await app.get(path, { token: auditor.token })).status).toBe(200);
      expect((await app.get(path, { token: viewer.token })).status).toBe(403);
      expect((await app.get(path, { token: null })).status).toBe(401);
    }
    expect((await app.get('/api/audit/00000000-0000-4000-8000-000000000000')).status).toBe(404);
    expect((await app.get('/api/audit/nonsense')).status).toBe(400);
  });

  it('refuses what it can’t record, and nothing is done then', async () => {
    const source = app.app.get(DataSource);
    await source.query('ALTER TABLE audit_entries RENAME TO audit_elsewhere');
    try {
      const refused = await app.post('/api/servers', {
        name: 'web-3',
        hostname: 'web-3.example.com',
        source: { type: 'none' },
      });
      expect([refused.status, refused.body.code]).toEqual([503, 'audit_unavailable']);
      expect(refused.headers['retry-after']).toBeDefined();
      expect(
        (await app.post('/api/login', { username: 'admin', password: ADMIN_PASSWORD }, { token: null })).status,
      ).toBe(503);
      expect((await app.get('/api/servers')).status).toBe(200);
    } finally {
      await source.query('ALTER TABLE audit_elsewhere RENAME TO audit_entries');
    }
    expect((await app.get('/api/servers?q=web-3')).body.total).toBe(0);
  });

  it('verifies, and names the first entry that somebody changed by hand', async () => {
    const whole = await app.get('/api/audit/verify');
    expect(whole.body).toEqual({ valid: true, entries: expect.any(Number), firstInvalid: null });
    expect(whole.body.entries).toBeGreaterThan(20);
    await byHand(`UPDATE audit_entries SET actor_name = 'somebody else' WHERE seq = 9`);
    expect((await app.get('/api/audit/verify')).body).toMatchObject({
      valid: false,
      firstInvalid: { seq: 9, reason: expect.any(String) },
    });
    await byHand(`DELETE FROM audit_entries WHERE seq = 5`);
    expect((await app.get('/api/audit/verify')).body).toMatchObject({ valid: false, firstInvalid: { seq: 5 } });
  });
});
