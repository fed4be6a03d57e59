import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { JwtService } from '@nestjs/jwt';
import { KeyStore } from '#core';
import { type Answer, startApp, type TestApp } from './harness.js';

const ORIGIN = 'https://console.example.com';
/** Longer than any request may keep the others waiting; generous, since tests share two cores. */
const LONGEST_BLOCK_MS = 500;
const NOWHERE = randomUUID();

let app: TestApp;
let address: URL;

beforeAll(async () => {
  app = await startApp({ CORS_ORIGINS: ORIGIN });
  await app.app.listen(0, '127.0.0.1');
  address = new URL(await app.app.getUrl());
});

afterAll(() => app.close());

/** Sends bytes as they are (Latin-1) and reads until the connection ends, or for a moment when it does not. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(address.port), address.hostname);
    let answer = '';
    const timer = setTimeout(() => socket.destroy(), 1_500);
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(bytes, 'latin1');
  });
}

function head(line: string, ...headers: string[]): string {
  const all = ['Host: x', 'Connection: close', `Authorization: Bearer ${app.adminToken}`, ...headers];
  return `${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n`;
}

/** A POST of JSON with these further headers. */
const post = (body: string, ...headers: string[]): string =>
  head('POST /api/servers', 'Content-Type: application/json', ...headers) + body;
const statusesOf = (answer: string): string[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);
const total = async (query = ''): Promise<number> => (await app.get(`/api/servers?${query}`)).body.total as number;
const pointersOf = ({ body }: Answer): string[] => (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
const soon = (): string => new Date(Date.now() + 60_000).toISOString();

describe('bytes on the wire', () => {
  const chunked = 'Transfer-Encoding: chunked';

  it.each<[string, string, () => string]>([
    [
      'both lengths',
      '400',
      () => `${post('0\r\n\r\n', 'Content-Length: 4', chunked)}POST /api/servers HTTP/1.1\r\nHost: x\r\n\r\n`,
    ],
    ['two lengths', '400', () => post('{}', 'Content-Length: 2', 'Content-Length: 3')],
    ['a negative length', '400', () => post('{}', 'Content-Length: -1')],
    ['a space before the colon', '400', () => post('{}', 'Content-Length : 2')],
    ['an unknown coding', '400', () => post('0\r\n\r\n', 'Transfer-Encoding: xchunked')],
    ['a chunk size that is none', '400', () => post('ZZ\r\n{}\r\n0\r\n\r\n', chunked)],
    ['a chunk size beyond all numbers', '400', () => post(`${'F'.repeat(17)}\r\n{}`, chunked)],
    ['lines that end with LF alone', '400', () => 'GET /api/servers HTTP/1.1\nHost: x\n\n'],
    ['a folded header', '400', () => head('GET /api/servers', 'X-A: b\r\n c')],
    ['a header with NUL', '400', () => head('GET /api/servers', 'X-A: b\0c')],
    ['100 kB of headers', '431', () => head('GET /api/servers', `X-A: ${'a'.repeat(100_000)}`)],
    ['a body of 2 MB', '413', () => post('x'.repeat(2_000_000), 'Content-Length: 2000000')],
    ['a body that is not UTF-8', '400', () => post('{"name":"\xff"}', 'Content-Length: 12')],
    ['a path that is not ASCII', '400', () => head('GET /api/servers/\xff\xfe')],
    ['a method that does not exist', '400', () => head('FOO /api/servers')],
    ['TRACE', '404', () => head('TRACE /api/servers')],
    ['TLS', '400', () => '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1'],
  ])('are refused once, and nothing is done: %s', async (_, status, bytes) => {
    const before = await total();
    const answer = await raw(bytes());
    expect(statusesOf(answer)).toEqual([status]);
    expect(answer).toContain('application/problem+json');
    expect(await total()).toBe(before);
  });

  it('open no tunnel and no upgrade, and name no host that gets into links', async () => {
    expect(statusesOf(await raw(head('CONNECT 127.0.0.1:22')))).toEqual([]);
    const upgrade = head('GET /api/servers', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
    expect(statusesOf(await raw(upgrade))).toEqual(['200']);
    const absolute = await raw(head('GET http://evil.example/api/servers?pageSize=1'));
    expect([statusesOf(absolute), absolute.includes('evil.example')]).toEqual([['200'], false]);
    expect(absolute).toMatch(/link: <\/api\/servers\?/i);
  });
});

describe('bodies and queries', () => {
  const many = (count: number, member: string): string =>
    Array.from({ length: count }, (_, at) => member.replace('#', `${at}`)).join();

  it.each([
    ['80 000 fields', '/api/login', `{${many(80_000, '"k#":1')}}`, '/'],
    ['a list of 90 000', '/api/roles', `{"name":"x","permissions":[${many(90_000, '"p#"')}]}`, '/permissions'],
    ['lists of lists', '/api/servers', `{"name":"x","tags":[${many(900, `[${many(200, '{}')}]`)}]}`, '/'],
    ['100 000 levels', '/api/login', '['.repeat(100_000) + ']'.repeat(100_000), '/0'],
    ['a long name', '/api/servers', `{"name":"a${' '.repeat(900_000)}!\\n"}`, '/name'],
    ['a long environment', '/api/servers', `{"name":"x","environment":"a${'.'.repeat(900_000)}!"}`, '/environment'],
    [
      'a long e-mail',
      '/api/users',
      `{"username":"x","password":"a long password","email":"a@${'a.'.repeat(400_000)}"}`,
      '/email',
    ],
  ])('keep nobody else waiting: %s', async (_, path, body, pointer) => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const answer = await app.post(path, body);
    await new Promise((done) => setTimeout(done, 20));
    delay.disable();
    expect([answer.status, pointersOf(answer)[0]?.startsWith(pointer)]).toEqual([400, true]);
    expect(delay.max / 1e6).toBeLessThan(LONGEST_BLOCK_MS);
  });

  it.each([
    '"__proto__":{"polluted":1}',
    '"constructor":{"prototype":{"polluted":1}}',
    '"source":{"type":"none","__proto__":{}}',
  ])('reach no prototype: %s', async (evil) => {
    expect((await app.post('/api/servers', `{"name":"polluted",${evil}}`)).status).toBe(400);
    expect([({} as { polluted?: unknown }).polluted, await total('q=polluted')]).toEqual([undefined, 0]);
  });

  it('must be as they are documented', async () => {
    const queries =
      `name[$ne]= q[]=a q=a&q=b page=1&page=2 page=-1 page= pageSize=101 q=%00 environment=%00 sort=name)-- status=x %00=1
      sort=name;drop%20table%20servers sort=__proto__ sort=constructor __proto__=1 __proto__[x]=1 constructor[prototype][x]=1
      ${'tag=a&'.repeat(1_001)}tag=a`.split(/\s+/);
    for (const query of queries) {
      const answer = await app.get(`/api/servers?${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 400, 'validation_failed']);
      expect(pointersOf(answer)[0]).toMatch(/^\?/);
    }
  });

  it('are text and no pattern where they are searched for', async () => {
    for (const name of ['like_it', 'likexit', '100%']) await app.post('/api/servers', { name, os: name });
    expect([await total('q=like_it'), await total('q=%25'), await total('os=%25'), await total('q=%5C')]).toEqual([
      1, 1, 1, 0,
    ]);
  });

  it('of a form or of another page do nothing, and are shown to listed origins only', async () => {
    const before = await total();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'nonsense',
    ]) {
      const headers = { 'content-type': type, origin: 'https://evil.example' };
      expect([
        type,
        [400, 415].includes((await app.post('/api/servers', '{"name":"forged"}', { headers })).status),
      ]).toEqual([type, true]);
    }
    const cookie = { token: null, headers: { cookie: `token=${app.adminToken}` } };
    expect((await app.post('/api/servers', { name: 'forged' }, cookie)).status).toBe(401);
    expect((await app.get(`/api/servers?token=${app.adminToken}`, { token: null })).status).toBe(401);
    expect((await app.get('/api/servers', { headers: { 'x-http-method-override': 'DELETE' } })).status).toBe(200);
    expect(await total()).toBe(before);
    for (const origin of [
      'https://evil.example',
      'null',
      `${ORIGIN}.evil.example`,
      'http://console.example.com',
      ORIGIN,
    ])
      for (const method of ['GET', 'OPTIONS']) {
        const { headers } = await app.request(method, '/api/servers', {
          headers: { origin, 'access-control-request-method': 'GET' },
        });
        const shown = [headers['access-control-allow-origin'], headers['access-control-allow-credentials']];
        expect([origin, ...shown]).toEqual([origin, origin === ORIGIN ? ORIGIN : undefined, undefined]);
      }
  });

  it('change nothing under an If-Match that is none', async () => {
    const { id } = (await app.post('/api/servers', { name: 'matched' })).body as { id: string };
    for (const tag of ['x', '"x"', '"1", "2"', '-1', '1e0', '"99999999999999999999"', "1' OR '1'='1"]) {
      const answer = await app.delete(`/api/servers/${id}`, { headers: { 'if-match': tag } });
      expect([tag, answer.status, pointersOf(answer)]).toEqual([tag, 400, ['/If-Match']]);
    }
    expect((await app.delete(`/api/servers/${id}`, { headers: { 'if-match': '"1"' } })).status).toBe(204);
  });
});

describe('somebody who wants more', () => {
  it('can set no field that a form does not have', async () => {
    const { id: user } = await app.user('target');
    const made = async (path: string, body: object): Promise<string> =>
      `${path}/${(await app.post(path, body)).body.id}`;
    const team = await made('/api/teams', { name: 'form-team' });
    const grant = { subject: { type: 'user', id: user }, role: 'viewer', scope: { type: 'all' } };
    const forms: [string, string, object][] = [
      ['POST', '/api/servers', { name: 'f' }],
      ['PATCH', await made('/api/servers', { name: 'form-server' }), {}],
      ['POST', '/api/servers/test', { name: 'f' }],
      ['POST', '/api/teams', { name: 'f' }],
      ['PATCH', team, {}],
      ['POST', `${team}/members`, { userId: user }],
      ['POST', '/api/roles', { name: 'f', permissions: [] }],
      ['PATCH', await made('/api/roles', { name: 'form-role', permissions: [] }), {}],
      ['PATCH', `/api/users/${user}`, {}],
      ['POST', '/api/grants', grant],
      ['POST', '/api/tokens', { name: 'f', permissions: ['servers:read'], expiresAt: soon() }],
      ['POST', '/api/me/password', { currentPassword: 'x', newPassword: 'x'.repeat(12) }],
      ['POST', '/api/login', { username: 'admin', password: 'x' }],
    ];
    for (const [method, path, body] of forms)
      for (const extra of 'id version status createdAt builtIn passwordHash isAdmin storedPermissions createdBy hash'.split(
        ' ',
      )) {
        const answer = await app.request(method, path, { body: { ...body, [extra]: 'x' } });
        expect([path, answer.status, answer.body.errors]).toEqual([
          path,
          400,
          [{ pointer: `/${extra}`, message: 'is not a known field' }],
        ]);
      }
    const nested = { ...grant, scope: { type: 'all', all: true }, subject: { ...grant.subject, admin: true } };
    expect(pointersOf(await app.post('/api/grants', nested)).sort()).toEqual(['/scope/all', '/subject/admin']);
  });

  it('can forge no token by its header or its times', async () => {
    const { id: kid, key } = app.app.get(KeyStore).current('jwt');
    const [header, payload, signature] = app.adminToken.split('.') as [string, string, string];
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const later = {
      ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
      nbf: Math.floor(Date.now() / 1000) + 300,
    };
    const kids = ['../../../dev/null', "' UNION SELECT 'x' --", '__proto__', '', NOWHERE, ['x'], { x: 1 }, null];
    const headers = [
      ...['None', 'nOnE', '', 'RS256', 'ES256', 'PS256', 'HS384'].map((alg) => ({ alg, typ: 'JWT', kid })),
      ...kids.map((evil) => ({ alg: 'HS256', kid: evil })),
      { alg: 'HS256', kid: 'x', jwk: { kty: 'oct', k: 'AA' }, jku: address.href },
    ];
    const forged = [
      ...headers.flatMap((one) => [`${encode(one)}.${payload}.${signature}`, `${encode(one)}.${payload}.`]),
      app.app.get(JwtService, { strict: false }).sign(later, { privateKey: key, keyid: kid, algorithm: 'HS256' }),
      ...[`${header}.${encode(later)}.${signature}`, `${header}.${payload}`, 'a.b.c', '...', 'x'.repeat(5_000)],
    ];
    for (const token of forged) expect([token, (await app.get('/api/me', { token })).status]).toEqual([token, 401]);
  });

  it('can do nothing more once they are removed', async () => {
    const { id, token } = await app.user('removed', 'viewer');
    const { body: made } = await app.post(
      '/api/tokens',
      { name: 'left', permissions: ['servers:read'], expiresAt: soon() },
      { token },
    );
    expect((await app.get('/api/servers', { token: made.token as string })).status).toBe(200);
    await app.delete(`/api/users/${id}`);
    for (const left of [token, made.token as string])
      expect((await app.get('/api/servers', { token: left })).status).toBe(401);
  });

  it('learns nothing of what is outside their scope', async () => {
    const { body: hidden } = await app.post('/api/servers', {
      name: 'hidden-name',
      environment: 'vault',
      tags: ['t'],
      os: 'o',
    });
    const { token } = await app.user('scoped', 'operator', { type: 'environment', name: 'open' });
    for (const query of ['', '?q=hidden', '?environment=vault', '?tag=t', '?os=o', '?sort=-name&pageSize=1']) {
      const { status, body, headers } = await app.get(`/api/servers${query}`, { token });
      expect([query, status, body.total, body.items]).toEqual([query, 200, 0, []]);
      expect(headers['link']).not.toContain('page=2');
    }
    for (const asked of ['GET ', 'PATCH ', 'DELETE ', 'POST /test', 'GET /metrics', 'GET /metrics/history?points=x']) {
      const [method = '', rest = ''] = asked.split(' ');
      const about = async (id: string): Promise<unknown> => {
        const { status, body } = await app.request(method, `/api/servers/${id}${rest}`, {
          token,
          body: method === 'PATCH' ? { name: 1 } : undefined,
        });
        return [asked, status, (body.detail as string).replace(id, ':id')];
      };
      expect(await about(hidden.id as string)).toEqual(await about(NOWHERE));
    }
    // names are unique over everything: that one is taken can't be hidden, what it belongs to is
    const taken = await app.post('/api/servers', { name: 'HIDDEN-NAME', environment: 'open' }, { token });
    expect([taken.status, /vault|hidden-name/.test(taken.text), taken.text.includes(hidden.id as string)]).toEqual([
      409,
      false,
      false,
    ]);
    expect((await app.get('/api/audit', { token })).status).toBe(403);
  });

  it('can write no line and no formula into the export of the audit log', async () => {
    const username = '=HYPERLINK("http://evil.example")\r\nforged,1,2026';
    await app.post(
      '/api/login',
      { username, password: 'wrong' },
      { token: null, headers: { 'user-agent': '@SUM(1+1)\t=2' } },
    );
    const { text } = await app.get('/api/audit/export?format=csv&action=session.create&outcome=failed');
    const lines = text.trimEnd().split('\r\n').slice(1);
    expect(lines.filter((line) => !/^[0-9a-f-]{36},\d+,/.test(line))).toEqual([]);
    expect(text).toContain(`"'=HYPERLINK(""http://evil.example"")  forged,1,2026"`);
    expect(text).toContain(`"'@SUM(1+1) =2"`);
  });
});
