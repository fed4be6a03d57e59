import { connect } from 'node:net';
import { type Answer, startApp, type TestApp } from './harness.js';

const ORIGIN = 'https://console.example.com';
/** Longer than any request may keep the others waiting; generous, since tests share two cores. */
const LONGEST_BLOCK_MS = 500;

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
    expect(statusesOf(await raw(upgrade))).toEqual(['404']);
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
    let last = performance.now();
    let longest = 0;
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const answer = await app.post(path, body);
    await new Promise((done) => setTimeout(done, 20));
    clearInterval(timer);
    expect([answer.status, pointersOf(answer)[0]?.startsWith(pointer)]).toEqual([400, true]);
    expect(longest).toBeLessThan(LONGEST_BLOCK_MS);
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
