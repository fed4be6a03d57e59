import type { LookupAddress } from 'node:dns';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { HttpService } from '@nestjs/axios';
import { Metrics, OutboundGuard, OutboundHttp, parseAllowance, type Resolve } from '#core';
import { startApp, type TestApp } from './harness.js';

const PRODUCTION = { NODE_ENV: 'production', ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}` };
const SYSTEM = { kind: 'server', name: 'test' };

/** What must not be reached: listens on every local address and remembers through which one each connection came. */
class Listener {
  readonly reached: (string | undefined)[] = [];
  readonly heads: string[] = [];
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret';
  private readonly sockets = new Set<Socket>();
  private readonly server: Server = createServer((socket) => {
    this.reached.push(socket.localAddress?.replace('::ffff:', ''));
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.heads.push(bytes.toString('latin1'));
      socket.write(this.answer);
    });
  });

  /** `::` takes IPv4 as well; where there is no IPv6, IPv4 alone. */
  async listen(): Promise<this> {
    const on = (host: string): Promise<void> =>
      new Promise((done, fail) => this.server.once('error', fail).listen(0, host, done));
    await on('::').catch(() => on('0.0.0.0'));
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  hangUp(): void {
    this.sockets.forEach((socket) => socket.destroy());
  }

  close(): void {
    this.hangUp();
    this.server.close();
  }
}

let listener: Listener;

beforeEach(async () => {
  listener = await new Listener().listen();
});

afterEach(() => listener.close());

/** Ways to write this machine; none is allowed in production. Those that are no URL are refused as such. */
const spellings = (port: number): string[] =>
  [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.1.',
    '127.0.0.2',
    '0.0.0.0',
    '0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[::1%25lo]',
    '１２７.０.０.１',
    '127。0。0。1',
    '①②⑦.⓪.⓪.①',
    'user@127.0.0.1',
    'example.com@127.0.0.1',
    'user:secret@localhost',
    '127.0.0.1\t',
    '127.0.\n0.1',
    'example.com\\@127.0.0.1',
    '%31%32%37.0.0.1',
    '1270.0.0.1',
    '',
  ].map((host) => `http://${host}:${port}/metrics`);

describe('addresses that a caller registers, in production', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp({ ...PRODUCTION, SCRAPE_INTERVAL: '5' });
  });

  afterAll(() => app.close());

  it('are refused in every spelling of this machine, and nothing is reached', async () => {
    const { port } = listener;
    const urls = [...spellings(port), `http:127.0.0.1:${port}`, `http:/127.0.0.1:${port}`, `http:///127.0.0.1:${port}`];
    for (const url of urls) {
      const body = { name: 'inside', source: { type: 'node-exporter', url } };
      for (const path of ['/api/servers/test', '/api/servers']) {
        const { status, body: problem } = await app.post(path, body);
        expect([url, path, status, problem.errors?.[0]?.pointer]).toEqual([url, path, 400, '/source/url']);
        expect(JSON.stringify(problem)).not.toContain('user:secret');
      }
    }
    expect((await app.get('/api/servers')).body.total).toBe(0);
    expect(listener.reached).toEqual([]);
  });

  it.each([
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'data:text/plain,x',
    'unix:///run/docker.sock',
    '//127.0.0.1/',
    'http://127.0.0.1:65536/',
    'x',
  ])('are no other kind of address: %s', async (url) => {
    const answer = await app.post('/api/servers', { name: 'other', source: { type: 'node-exporter', url } });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, '/source/url']);
  });

  it('may be names, which are refused when they turn out to lead inside: at the test and by the poller', async () => {
    for (const [index, host] of ['localhost', 'LOCALHOST', 'localhost.'].entries()) {
      const source = { type: 'node-exporter', url: `http://${host}:${listener.port}/metrics` };
      const tested = await app.post('/api/servers/test', { name: host, source });
      expect([tested.status, tested.body.ok, tested.body.latencyMs]).toEqual([200, false, null]);
      const { body: made } = await app.post('/api/servers', { name: `name-${index}`, source });
      expect((await app.post(`/api/servers/${made.id}/test`)).body.ok).toBe(false);
      const changed = await app.patch(`/api/servers/${made.id}`, { source: { ...source, url: source.url + '?again' } });
      expect(changed.status).toBe(200);
    }
    const until = Date.now() + 10_000;
    let reasons: (string | null)[] = [];
    while (Date.now() < until && !(reasons.length === 3 && reasons.every(Boolean))) {
      await new Promise((done) => setTimeout(done, 200));
      reasons = (await app.get('/api/servers')).body.items.map(
        (one: { statusReason: string | null }) => one.statusReason,
      );
    }
    for (const reason of reasons) expect(reason).toMatch(/OUTBOUND_ALLOW|could not be resolved/);
    expect(listener.reached).toEqual([]);
  });
});

describe('OutboundHttp', () => {
  /** Asks once with a guard that allows `allow`, for which names resolve to what `answers` says, one list a look-up. */
  function client(
    allow: string,
    ...answers: string[][]
  ): { get: (host: string) => Promise<string>; lookups: () => number } {
    let lookups = 0;
    const resolve: Resolve = (_name, _options, callback) => {
      const addresses = answers[Math.min(lookups++, answers.length - 1)] ?? [];
      const found: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      setImmediate(callback, null, found);
    };
    const guard = new OutboundGuard(parseAllowance(allow, false), resolve);
    const http = new OutboundHttp(new HttpService(), guard, new Metrics());
    const get = async (host: string): Promise<string> => {
      const url = `http://${host}:${listener.port}/metrics`;
      const request = { system: SYSTEM, url, timeoutMs: 1_000, maxBytes: 1_000 };
      return http.sendExpectingSuccess(request).then(
        ({ body }) => body.toString(),
        (error: Error) => error.message,
      );
    };
    return { get, lookups: () => lookups };
  }

  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['::ffff:127.0.0.1']],
    [['64:ff9b::7f00:1']],
    [['0.0.0.0']],
    [['::']],
    [['169.254.169.254']],
    [['fe80::1%lo']],
    [['fd20:ce::254']],
    // public and inside at once: not even the public one is tried
    [['93.184.216.34', '127.0.0.1']],
    [['127.0.0.1', '2606:2800:220:1::1']],
    [['nonsense']],
    [[]],
  ])('connects to nothing when a name resolves to %j', async (addresses) => {
    expect(await client('', addresses).get('127.0.0.1.nip.example')).not.toBe('secret');
    expect(listener.reached).toEqual([]);
  });

  it('connects to what was checked: a second answer is never asked for', async () => {
    const one = client('127.0.0.1', ['127.0.0.1'], ['127.0.0.2']);
    expect(await one.get('moving.example')).toBe('secret');
    expect(one.lookups()).toBe(1);
    // a socket that is kept stays with the address that was checked
    expect(await one.get('moving.example')).toBe('secret');
    expect([one.lookups(), listener.reached]).toEqual([1, ['127.0.0.1']]);
    // a new connection is a new look-up, which is checked again
    listener.hangUp();
    await new Promise((done) => setTimeout(done, 50));
    expect(await one.get('moving.example')).toMatch(/OUTBOUND_ALLOW/);
    expect([one.lookups(), listener.reached]).toEqual([2, ['127.0.0.1']]);
  });

  it('follows no redirect, uses no proxy of the environment, keeps no cookie and names the host that was asked for', async () => {
    const proxy = await new Listener().listen();
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    try {
      const one = client('127.0.0.1', ['127.0.0.1']);
      listener.answer = `HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${proxy.port}/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n`;
      for (let turn = 0; turn < 2; turn++) expect(await one.get('named.example')).toMatch(/redirects are not followed/);
      expect(proxy.reached).toEqual([]);
      expect(listener.heads).toHaveLength(2);
      for (const head of listener.heads) {
        expect(head).toContain(`Host: named.example:${listener.port}\r\n`);
        expect(head.toLowerCase()).not.toContain('cookie');
      }
    } finally {
      names.forEach((name, at) =>
        before[at] === undefined ? delete process.env[name] : (process.env[name] = before[at]),
      );
      proxy.close();
    }
  });

  it('does not take bytes behind an answer for the next one', async () => {
    const one = client('127.0.0.1', ['127.0.0.1']);
    const second = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
    listener.answer = `HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret${second}`;
    for (let turn = 0; turn < 3; turn++) expect(await one.get('split.example')).not.toBe('forged');
  });
});
