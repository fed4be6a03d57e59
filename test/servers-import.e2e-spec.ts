import { type Answer, startApp, type TestApp } from './harness.js';

let api: TestApp;
let count = 0;

beforeAll(async () => {
  api = await startApp();
});

afterAll(() => api.close());

const unique = (): string => `imported-${++count}`;

function send(body: string | object[], query = '', token?: string): Promise<Answer> {
  const csv = typeof body === 'string';
  return api.request('POST', `/api/servers/import${query}`, {
    body,
    ...(token ? { token } : {}),
    headers: csv ? { 'content-type': 'text/csv' } : {},
  });
}

/** Waits until an import that was accepted has ended. */
async function ended(accepted: Answer, token?: string): Promise<any> {
  expect(accepted.status).toBe(202);
  const url = accepted.headers['location'] as string;
  expect(url).toBe(`/api/operations/${accepted.body.id}`);
  for (let waited = 0; waited < 30_000; waited += 50) {
    const { body } = await api.get(url, token ? { token } : {});
    if (!['queued', 'running'].includes(body.state)) return body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the import did not end');
}

const named = async (q: string): Promise<any[]> => (await api.get(`/api/servers?pageSize=100&q=${q}`)).body.items;

describe('a dry run', () => {
  it('says what would become of each row and writes nothing', async () => {
    const name = unique();
    await api.post('/api/servers', { name });
    const csv = [
      'name,environment,cpuCores,source,sourceUrl',
      `${name},lab,4,,`,
      'dry-one,lab,4,node-exporter,http://127.0.0.1:9100',
      'dry-two,not a label,many,,',
      'DRY-ONE,lab,,,',
      'dry-three,lab',
      'dry-four,lab,,node-exporter,http://169.254.169.254/',
    ].join('\r\n');
    const { status, body } = await send(csv, '?dryRun=true');
    expect(status).toBe(200);
    expect(body).toMatchObject({ rows: 6, create: 1, update: 0, invalid: 5 });
    expect(
      body.items.map((item: any) => [
        item.row,
        item.action,
        [...new Set(item.errors.map((error: any) => error.pointer))],
      ]),
    ).toEqual([
      [1, 'invalid', ['/name']],
      [2, 'create', []],
      [3, 'invalid', ['/environment', '/cpuCores']],
      [4, 'invalid', ['/name']],
      [5, 'invalid', ['']],
      [6, 'invalid', ['/source/url']],
    ]);
    expect(await named('dry-')).toEqual([]);
    const updating = await send(csv, '?dryRun=true&update=name');
    expect(updating.body.items[0]).toEqual({ row: 1, name, action: 'update', errors: [] });
  });
});

describe('an import', () => {
  it('of all rows writes every one, or none', async () => {
    const good = await ended(await send('\uFEFFname,tags,description\nall-1,a;b,"two\nlines, ""quoted"""\nall-2,,\n'));
    expect(good).toMatchObject({
      state: 'succeeded',
      progress: 100,
      result: { rows: 2, created: 2, failed: 0, failures: [] },
    });
    expect((await named('all-')).map(({ name, tags, description }) => [name, tags, description])).toEqual([
      ['all-1', ['a', 'b'], 'two\nlines, "quoted"'],
      ['all-2', [], ''],
    ]);
    const bad = await ended(await send([{ name: 'none-1' }, { name: 'all-1' }]));
    expect(bad).toMatchObject({
      state: 'failed',
      problem: { code: 'import_invalid', failures: [{ row: 2, name: 'all-1', errors: [{ pointer: '/name' }] }] },
    });
    expect(await named('none-')).toEqual([]);
  });

  it('of valid rows leaves the others out and names them', async () => {
    const rows = [
      { name: 'valid-1', cpuCores: 2 },
      { name: '' },
      { name: 'valid-2', colour: 'red' },
      { name: 'valid-3' },
    ];
    const { result } = await ended(await send(rows, '?mode=valid'));
    expect(result).toMatchObject({ rows: 4, created: 2, failed: 2 });
    expect(result.failures.map(({ row }: { row: number }) => row)).toEqual([2, 3]);
    expect((await named('valid-')).map(({ name }) => name)).toEqual(['valid-1', 'valid-3']);
  });

  it('changes servers by name when asked, clears with empty cells, and leaves alone what has no column', async () => {
    const name = unique();
    const { body: before } = await api.post('/api/servers', { name, location: 'here', provider: 'p', tags: ['old'] });
    const { result } = await ended(await send(`name,location,tags\n${name.toUpperCase()},,new\n`, '?update=name'));
    expect(result).toMatchObject({ created: 0, updated: 1, unchanged: 0 });
    const { body: after } = await api.get(`/api/servers/${before.id}`);
    expect(after).toMatchObject({ name: name.toUpperCase(), location: null, provider: 'p', tags: ['new'], version: 2 });
    const again = await ended(await send(`name,location,tags\n${name.toUpperCase()},,new\n`, '?update=name'));
    expect(again.result).toMatchObject({ updated: 0, unchanged: 1 });
  });

  it('checks the right for each row', async () => {
    const { body: hidden } = await api.post('/api/servers', { name: unique(), environment: 'secret' });
    const { body: seen } = await api.post('/api/servers', { name: unique(), environment: 'mine' });
    const operator = await api.user('import-operator', 'operator', { type: 'environment', name: 'mine' });
    const rows = [
      { name: 'right-1', environment: 'mine' },
      { name: 'right-2', environment: 'secret' },
      { name: 'right-3' },
      { name: hidden.name, environment: 'mine' },
      { name: seen.name, environment: 'secret' },
      { name: seen.name.toUpperCase(), location: 'cellar' },
    ];
    const plan = await send(rows, '?dryRun=true&update=name', operator.token);
    expect(plan.body.items.map(({ action }: any) => action)).toEqual([
      'create',
      'invalid',
      'invalid',
      'invalid',
      'invalid',
      'invalid',
    ]);
    expect(plan.body.items[3].errors[0].message).toBe('is taken');
    const rest = [...rows.slice(0, 4), rows[5]!];
    const { result } = await ended(await send(rest, '?mode=valid&update=name', operator.token), operator.token);
    expect(result).toMatchObject({ created: 1, updated: 1, failed: 3 });
    expect((await api.get(`/api/servers/${hidden.id}`)).body.version).toBe(1);
    const viewer = await api.user('import-viewer', 'viewer');
    expect((await send(rows, '', viewer.token)).status).toBe(403);
  });

  it('records every server that it made, in the name of its caller', async () => {
    const operator = await api.user('import-recorder', 'operator');
    await ended(await send([{ name: 'recorded-1' }, { name: 'recorded-2' }], '', operator.token), operator.token);
    const servers = await named('recorded-');
    for (const { id, name } of servers) {
      const { body } = await api.get(`/api/audit?action=server.create&resourceId=${id}`);
      expect(body.items).toMatchObject([
        { outcome: 'succeeded', actor: { name: 'import-recorder' }, resource: { id, name } },
      ]);
    }
    expect(servers).toHaveLength(2);
  });

  it('makes ten thousand servers', async () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => `bulk-${index},lab,"a;b",10.0.0.1,${index}`);
    const before = process.memoryUsage.rss();
    const started = Date.now();
    const { result } = await ended(await send(`name,environment,tags,ipAddress,location\n${rows.join('\n')}\n`));
    expect(result).toMatchObject({ rows: 10_000, created: 10_000, failed: 0 });
    console.log(
      `10,000 rows: ${Date.now() - started} ms, ${Math.round((process.memoryUsage.rss() - before) / 2 ** 20)} MiB more`,
    );
    expect((await api.get('/api/servers?environment=lab')).body.total).toBeGreaterThanOrEqual(10_000);
  }, 120_000);
});

describe('what is no import', () => {
  it.each<[string, string | object, number]>([
    ['no header', '', 400],
    ['only a header', 'name\n', 400],
    ['no column name', 'hostname\na\n', 400],
    ['an unknown column', 'name,colour\na,red\n', 400],
    ['a column twice', 'name,name\na,b\n', 400],
    ['a quote that is not closed', 'name\n"a\n', 400],
    ['a JSON object', {}, 400],
    ['no rows', [], 400],
    ['too many rows', `name\n${'a\n'.repeat(10_001)}`, 400],
    ['too many bytes', `name\n${'a'.repeat(11 * 1024 * 1024)}`, 413],
  ])('is refused: %s', async (_, body, status) => {
    const answer = await send(body as string);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(status === 400 ? 'validation_failed' : 'payload_too_large');
  });

  it('is refused: other types, bytes that are not UTF-8, and CSV elsewhere', async () => {
    const raw = (url: string, type: string, payload: Buffer): Promise<{ statusCode: number }> =>
      api.app.inject({
        method: 'POST',
        url,
        payload,
        headers: { authorization: `Bearer ${api.adminToken}`, 'content-type': type },
      });
    expect((await raw('/api/servers/import', 'text/plain', Buffer.from('name\na'))).statusCode).toBe(415);
    expect((await raw('/api/servers/import', 'text/csv', Buffer.from([0x6e, 0xff, 0xfe]))).statusCode).toBe(400);
    expect((await raw('/api/servers', 'text/csv', Buffer.from('name\na'))).statusCode).toBe(415);
  });

  it('keeps rows with characters that cannot be stored out', async () => {
    const { result } = await ended(
      await send([{ name: 'nul-1', location: 'a\u0000b' }, { name: 'nul-2' }], '?mode=valid'),
    );
    expect(result).toMatchObject({ created: 1, failed: 1 });
  });
});

describe('an export', () => {
  it('comes back as it was through an import, in both forms, whatever the texts are', async () => {
    const environment = 'round-trip';
    const made = [
      {
        name: '=cmd|calc',
        description: '+49 30\n-1',
        tags: ['a;b', '@x', 'back\\slash'],
        location: "'=quoted",
        cpuCores: 4,
      },
      {
        name: 'Ünïcode “quoted”, with comma',
        hostname: 'h',
        ipAddress: '::1',
        memoryBytes: 2 ** 40,
        provider: '\tTab',
      },
      { name: 'exporter', source: { type: 'node-exporter', url: 'http://127.0.0.1:9/metrics' } },
      { name: 'pusher', source: { type: 'push', intervalSeconds: 30 } },
    ].map((fields) => ({ ...fields, environment }));
    for (const fields of made) expect((await api.post('/api/servers', fields)).status).toBe(201);
    const exported = async (format: string): Promise<Answer> =>
      api.get(`/api/servers/export?format=${format}&environment=${environment}`);
    const [csv, json] = [await exported('csv'), await exported('json')];
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.text).toMatch(/^name,hostname,/);
    for (const line of csv.text.split('\r\n')) expect(line).not.toMatch(/(^|,)"?[=+@-]/);
    for (const body of [csv.text, json.body]) {
      for (const { id } of (await api.get(`/api/servers?environment=${environment}`)).body.items)
        await api.delete(`/api/servers/${id}`);
      expect((await ended(await send(body))).result).toMatchObject({ created: 4, failed: 0 });
      expect((await exported('csv')).text).toBe(csv.text);
      expect((await exported('json')).body).toEqual(json.body);
    }
  });

  it('holds what its reader may see, with the filters of the list', async () => {
    await api.post('/api/servers', { name: 'export-mine', environment: 'export-a' });
    await api.post('/api/servers', { name: 'export-other', environment: 'export-b' });
    const viewer = await api.user('export-viewer', 'viewer', { type: 'environment', name: 'export-a' });
    const { body } = await api.get('/api/servers/export?format=json&q=export-', { token: viewer.token });
    expect(body.map(({ name }: { name: string }) => name)).toEqual(['export-mine']);
    expect((await api.get('/api/servers/export?format=xlsx')).status).toBe(400);
  });

  it('of nothing is an empty list', async () => {
    expect((await api.get('/api/servers/export?format=json&q=nothing-like-it')).body).toEqual([]);
    expect((await api.get('/api/servers/export?q=nothing-like-it')).text.split('\r\n')).toHaveLength(2);
  });
});

describe('bulk actions', () => {
  const bulk = (body: object, token?: string): Promise<Answer> =>
    api.post('/api/servers/bulk', body, token ? { token } : {});
  const make = async (fields: object = {}): Promise<string> =>
    (await api.post('/api/servers', { name: unique(), ...fields })).body.id as string;

  it('answer for each server, with the rights and an entry of each', async () => {
    const [mine, other] = [await make({ environment: 'bulk-a', tags: ['x'] }), await make({ environment: 'bulk-b' })];
    const gone = '00000000-0000-4000-8000-000000000001';
    const operator = await api.user('bulk-operator', 'operator', { type: 'environment', name: 'bulk-a' });
    const { status, body } = await bulk({ ids: [mine, other, gone], action: 'tag', tags: ['x', 'y'] }, operator.token);
    expect(status).toBe(200);
    expect(body.items).toMatchObject([
      { id: mine, ok: true, changed: true },
      { id: other, ok: false, problem: { status: 404, code: 'not_found' } },
      { id: gone, ok: false, problem: { status: 404 } },
    ]);
    expect((await api.get(`/api/servers/${mine}`)).body.tags).toEqual(['x', 'y']);
    const { body: audit } = await api.get(`/api/audit?resourceId=${mine}&action=server.update`);
    expect(audit.items).toMatchObject([{ outcome: 'succeeded', before: { tags: ['x'] }, after: { tags: ['x', 'y'] } }]);
    const again = await bulk({ ids: [mine], action: 'tag', tags: ['y'] });
    expect(again.body.items).toEqual([{ id: mine, ok: true, changed: false }]);
    const move = await bulk({ ids: [mine], action: 'environment', environment: 'bulk-b' }, operator.token);
    expect(move.body.items).toMatchObject([{ ok: false, problem: { status: 403 } }]);
  });

  it('untag, move, put into maintenance and delete', async () => {
    const ids = [await make({ tags: ['a', 'b'] }), await make({ tags: ['b'] })];
    await bulk({ ids, action: 'untag', tags: ['b'] });
    await bulk({ ids, action: 'environment', environment: 'moved' });
    await bulk({ ids, action: 'maintenance', maintenance: true });
    expect((await api.get(`/api/servers/${ids[0]}`)).body).toMatchObject({
      tags: ['a'],
      environment: 'moved',
      status: 'maintenance',
    });
    await bulk({ ids, action: 'maintenance', maintenance: false });
    await bulk({ ids, action: 'environment', environment: null });
    expect((await api.get(`/api/servers/${ids[1]}`)).body).toMatchObject({
      tags: [],
      environment: null,
      status: 'unknown',
    });
    expect((await bulk({ ids, action: 'delete' })).body.items.map(({ ok }: any) => ok)).toEqual([true, true]);
    expect((await api.get(`/api/servers/${ids[0]}`)).status).toBe(404);
  });

  it.each<object>([
    { ids: [], action: 'delete' },
    { ids: ['1'], action: 'delete' },
    { ids: ['00000000-0000-4000-8000-000000000001'], action: 'tag' },
    { ids: ['00000000-0000-4000-8000-000000000001'], action: 'environment' },
    { ids: ['00000000-0000-4000-8000-000000000001'], action: 'maintenance' },
    { ids: ['00000000-0000-4000-8000-000000000001'], action: 'explode' },
  ])('refuse %j', async (body) => {
    expect((await bulk(body)).status).toBe(400);
  });
});

describe('the overview', () => {
  it('counts what its reader may see', async () => {
    const environment = 'overview-a';
    for (const tags of [['o-x', 'o-y'], ['o-x']]) await api.post('/api/servers', { name: unique(), environment, tags });
    await api.post('/api/servers', { name: unique(), environment: 'overview-b', tags: ['o-z'] });
    const viewer = await api.user('overview-viewer', 'viewer', { type: 'environment', name: environment });
    const as = { token: viewer.token };
    const { body } = await api.get('/api/overview', as);
    expect(body).toMatchObject({ total: 2, statuses: { unknown: 2, online: 0 } });
    expect(body.kinds).toContainEqual({ kind: 'server', total: 2, statuses: expect.objectContaining({ unknown: 2 }) });
    expect((await api.get('/api/environments', as)).body).toMatchObject({
      items: [{ name: environment, total: 2, kinds: { server: 2 } }],
      total: 1,
    });
    expect(
      (await api.get('/api/tags?sort=-total', as)).body.items.map(({ name, total }: any) => [name, total]),
    ).toEqual([
      ['o-x', 2],
      ['o-y', 1],
    ]);
    expect((await api.get('/api/tags?q=O-Z')).body.items).toHaveLength(1);
    expect((await api.get('/api/environments?sort=size')).status).toBe(400);
    const nobody = await api.user('overview-nobody');
    expect((await api.get('/api/overview', { token: nobody.token })).body).toMatchObject({ total: 0 });
    expect((await api.get('/api/overview', { token: null })).status).toBe(401);
  });
});
