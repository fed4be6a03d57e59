import { once } from 'node:events';
import { get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { DataSource } from 'typeorm';
import { WebSocket } from 'ws';
import { SESSION_TIMES, STDERR, STDOUT, type TerminalSession, WebSocketGateway } from '#core';
import { startApp, type TestApp } from './harness.js';

interface Opened {
  socket: WebSocket;
  text: string[];
  bytes: Buffer[];
  /** Code and reason. */
  closed: Promise<[number, string]>;
}

const ORIGIN = 'https://console.example.com';

let app: TestApp;
let port: number;
let serverId: string;
let path: string;
/** What the domain does with a session; each test sets its own. */
let serve: (session: TerminalSession) => void | Promise<void>;
let sessions: TerminalSession[] = [];

/** Registers a terminal that the tests serve, and listens. */
async function start(environment: Record<string, string> = {}): Promise<[TestApp, number]> {
  const started = await startApp({ CORS_ORIGINS: ORIGIN, ...environment });
  started.app.get(WebSocketGateway).register({
    path: 'servers/:id/test-terminal',
    permission: 'servers:write',
    scopeParam: 'id',
    action: 'server.test-terminal',
    open: async (session) => {
      sessions.push(session);
      await serve(session);
    },
  });
  await started.app.listen(0, '127.0.0.1');
  return [started, (started.app.getHttpServer().address() as AddressInfo).port];
}

beforeAll(async () => {
  [app, port] = await start();
  serverId = (await app.post('/api/servers', { name: 'terminal', environment: 'lab' })).body.id;
  path = `/api/servers/${serverId}/test-terminal`;
});

beforeEach(() => {
  sessions = [];
  serve = (session) => session.onData((bytes) => session.send(STDOUT, bytes));
});

afterAll(() => app.close());

async function ticket(token = app.adminToken, wanted = path): Promise<string> {
  const answer = await app.post('/api/stream-tickets', { path: wanted, method: 'GET' }, { token });
  expect(answer.status).toBe(201);
  return answer.body.ticket as string;
}

function open(given: string, options: { path?: string; headers?: Record<string, string>; port?: number } = {}): Opened {
  const url = `ws://127.0.0.1:${options.port ?? port}${options.path ?? path}?ticket=${given}&columns=80`;
  const socket = new WebSocket(url, { headers: options.headers, handshakeTimeout: 5_000 });
  const opened: Opened = {
    socket,
    text: [],
    bytes: [],
    closed: new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, reason.toString()]))),
  };
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary) =>
    isBinary ? opened.bytes.push(data) : opened.text.push(data.toString()),
  );
  return opened;
}

async function opened(token?: string): Promise<Opened> {
  const terminal = open(await ticket(token));
  await once(terminal.socket, 'open');
  await until(() => sessions.length > 0);
  return terminal;
}

/** What a refused upgrade answers. */
async function refused(given: string, options: { path?: string; headers?: Record<string, string> } = {}): Promise<any> {
  const { socket } = open(given, options);
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { headers: any },
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  return JSON.parse(text);
}

const frame = (channel: number, text: string): Buffer => Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(isSo: () => boolean | Promise<boolean>, ms = 5_000): Promise<void> {
  const started = performance.now();
  while (!(await isSo())) {
    if (performance.now() - started > ms) throw new Error(`not within ${ms} ms`);
    await sleep(20);
  }
}

const audited = async (action: string): Promise<any[]> => (await app.get(`/api/audit?action=${action}`)).body.items;

describe('a WebSocket', () => {
  it('carries bytes and sizes both ways, ends with the exit code, and is audited', async () => {
    const sizes: object[] = [];
    serve = (session) => {
      session.onResize((size) => sizes.push(size));
      session.onData(async (bytes) => {
        if (bytes.toString() === 'exit') return session.exit(3);
        await session.send(STDOUT, Buffer.from(`${session.query.get('columns')} ${bytes.toString()}`));
        await session.send(STDERR, Buffer.from('careful'));
      });
    };
    const { socket, bytes, text, closed } = await opened();
    socket.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }));
    socket.send(frame(0, 'hello'));
    await until(() => bytes.length === 2);
    expect(bytes).toEqual([frame(1, '80 hello'), frame(2, 'careful')]);
    expect(sizes).toEqual([{ columns: 120, rows: 40 }]);
    expect(sessions[0]).toMatchObject({ params: { id: serverId }, caller: { username: 'admin' } });
    expect(sessions[0]?.query.has('ticket')).toBe(false);
    socket.send(frame(0, 'exit'));
    expect(await closed).toEqual([1000, 'exit']);
    expect(text).toEqual(['{"type":"exit","code":3}']);
    expect(sessions[0]?.signal.aborted).toBe(true);
    await until(async () => (await audited('server.test-terminal.end')).length > 0);
    const [started] = await audited('server.test-terminal.start');
    const [ended] = await audited('server.test-terminal.end');
    for (const entry of [started, ended])
      expect(entry).toMatchObject({
        actor: { name: 'admin' },
        resource: { type: 'server', id: serverId, name: 'terminal' },
        address: '127.0.0.1',
      });
    expect(ended.detail).toMatch(/^exit code 3; 9 bytes in, 15 bytes out, \d+\.\d s$/);
  });

  it('that fails to open says why', async () => {
    serve = () => Promise.reject(new Error('of the inside'));
    const { text, closed } = open(await ticket());
    expect(await closed).toEqual([1011, 'internal_error']);
    expect(JSON.parse(text[0] ?? '{}')).toMatchObject({ type: 'error', code: 'internal_error' });
    expect(text[0]).not.toContain('inside');
  });

  it('that says something else than bytes for stdin and sizes is closed', async () => {
    const wrong = [
      frame(1, 'not mine'),
      '{"type":"resize","columns":-1,"rows":2}',
      'no json',
      '{"type":"other"}',
      'null',
    ];
    for (const message of wrong) {
      const { socket, closed } = await opened();
      socket.send(message);
      expect((await closed)[0]).toBe(1002);
    }
    const { socket, closed } = await opened();
    socket.send(Buffer.alloc(300 * 1024));
    expect((await closed)[0]).toBe(1009);
  });

  it('waits for a domain that takes its time, and keeps the order', async () => {
    const got: string[] = [];
    let running = 0;
    let most = 0;
    serve = async (session) => {
      await sleep(100);
      session.onData(async (bytes) => {
        most = Math.max(most, ++running);
        await sleep(5);
        got.push(bytes.toString());
        running--;
      });
    };
    const { socket } = await opened();
    for (let number = 0; number < 30; number++) {
      socket.send(frame(0, String(number)));
      await sleep(2);
    }
    await until(() => got.length === 30);
    expect(got).toEqual(Array.from({ length: 30 }, (_, number) => String(number)));
    // frames that come in one packet are handed over together, others wait
    expect(most).toBeLessThan(15);
    socket.terminate();
  });

  it('makes the source wait for a client that does not read', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    serve = async (session) => {
      while (!session.signal.aborted && sent < 64 * 1024 * 1024) {
        await session.send(STDOUT, chunk);
        sent += chunk.length;
      }
      session.exit(0);
    };
    const { socket, bytes, closed } = await opened();
    socket.pause();
    await sleep(1_000);
    const before = sent;
    await sleep(500);
    expect(sent).toBe(before);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    socket.resume();
    expect(await closed).toEqual([1000, 'exit']);
    expect(bytes.reduce((sum, { length }) => sum + length - 1, 0)).toBe(64 * 1024 * 1024);
  }, 20_000);

  it('tells the domain when the client is gone', async () => {
    const { socket } = await opened();
    socket.terminate();
    await until(() => sessions[0]?.signal.aborted === true);
    await sessions[0]?.send(STDOUT, Buffer.from('to nobody'));
    sessions[0]?.exit(0);
  });
});

describe('a ticket', () => {
  it('opens one WebSocket, once, for its path', async () => {
    const given = await ticket();
    expect(given).toMatch(/^[\w-]{43}$/);
    const attempts = [1, 2, 3, 4, 5].map(() => open(given));
    const outcomes = await Promise.all(
      attempts.map(({ socket }) =>
        Promise.race([
          once(socket, 'open').then(() => 'open'),
          once(socket, 'unexpected-response').then(() => 'refused'),
        ]),
      ),
    );
    expect(outcomes.sort()).toEqual(['open', 'refused', 'refused', 'refused', 'refused']);
    attempts.forEach(({ socket }) => socket.terminate());
    const stored: { hash: Buffer }[] = await app.app.get(DataSource).query('SELECT hash FROM stream_tickets');
    expect(stored.some(({ hash }) => hash.toString('base64url') === given)).toBe(false);
  });

  it('for another path is used up by the attempt', async () => {
    const other = (await app.post('/api/servers', { name: 'other terminal' })).body.id as string;
    const given = await ticket();
    expect(await refused(given, { path: `/api/servers/${other}/test-terminal` })).toMatchObject({ status: 401 });
    expect(await refused(given)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('that has expired, or is none, opens nothing', async () => {
    const given = await ticket();
    await app.app.get(DataSource).query(`UPDATE stream_tickets SET expires_at = now() - interval '1 second'`);
    expect(await refused(given)).toMatchObject({ status: 401 });
    for (const wrong of ['', 'x'.repeat(43), "' OR 1=1"])
      expect((await refused(encodeURIComponent(wrong))).status).toBe(401);
    expect(sessions).toEqual([]);
  });

  it('is for those who hold the right', async () => {
    const viewer = await app.user('terminal-viewer', 'viewer');
    const stranger = await app.user('terminal-stranger', 'operator', { type: 'environment', name: 'elsewhere' });
    const ask = (token: string | null, wanted = path): Promise<{ status: number }> =>
      app.post('/api/stream-tickets', { path: wanted, method: 'GET' }, { token });
    expect((await ask(viewer.token)).status).toBe(403);
    expect((await ask(stranger.token)).status).toBe(404);
    expect((await ask(null)).status).toBe(401);
    expect((await ask(app.adminToken, '/api/servers/x/test-terminal')).status).toBe(404);
    expect((await ask(app.adminToken, `/api/servers/${viewer.id}/test-terminal`)).status).toBe(404);
    expect((await ask(app.adminToken, '/api/no/such/stream')).status).toBe(404);
    expect((await ask(app.adminToken, `${path}?x=1`)).status).toBe(400);
    expect((await ask(app.adminToken, '/etc/passwd')).status).toBe(400);
  });

  it('does not outlive the right or the session', async () => {
    const user = await app.user('terminal-demoted', 'operator');
    const demoted = await ticket(user.token);
    const grants = (await app.get('/api/grants?pageSize=100')).body.items as { id: string; subject: { id: string } }[];
    await app.delete(`/api/grants/${grants.find(({ subject }) => subject.id === user.id)?.id}`);
    expect(await refused(demoted)).toMatchObject({ status: 403 });
    const [entry] = (await app.get('/api/audit?action=server.test-terminal.start&outcome=refused')).body.items;
    expect(entry).toMatchObject({ actor: { name: 'terminal-demoted' }, status: 403 });
    const leaver = await app.user('terminal-leaver', 'operator');
    const left = await ticket(leaver.token);
    await app.post('/api/logout', undefined, { token: leaver.token });
    expect(await refused(left)).toMatchObject({ status: 401 });
  });
});

describe('the gateway', () => {
  it('takes pages of this host and of CORS_ORIGINS, and programs, and no others', async () => {
    for (const origin of [ORIGIN, `http://127.0.0.1:${port}`]) {
      const { socket } = open(await ticket(), { headers: { origin } });
      await once(socket, 'open');
      socket.terminate();
    }
    for (const origin of ['https://evil.example.com', 'null', `${ORIGIN}.evil.example.com`, 'http://127.0.0.1'])
      expect(await refused(await ticket(), { headers: { origin } })).toMatchObject({ status: 403 });
  });

  it('closes a session whose right was taken away, and leaves others alone', async () => {
    const user = await app.user('terminal-revoked', 'operator');
    const kept = await opened();
    const { closed, socket } = await opened(user.token);
    socket.send(frame(0, 'still there'));
    const grants = (await app.get('/api/grants?pageSize=100')).body.items as { id: string; subject: { id: string } }[];
    await app.delete(`/api/grants/${grants.find(({ subject }) => subject.id === user.id)?.id}`);
    const started = performance.now();
    expect(await closed).toEqual([1008, 'right revoked']);
    expect(performance.now() - started).toBeLessThan(6_000);
    expect(kept.socket.readyState).toBe(WebSocket.OPEN);
    kept.socket.terminate();
  }, 15_000);

  it('closes a session of somebody who signed out', async () => {
    const user = await app.user('terminal-signs-out', 'operator');
    const { closed } = await opened(user.token);
    await app.post('/api/logout', undefined, { token: user.token });
    expect((await closed)[0]).toBe(1008);
  }, 15_000);

  it('closes sessions that are idle or too long', async () => {
    const before = { ...SESSION_TIMES };
    try {
      Object.assign(SESSION_TIMES, { idle: 300, recheck: 100 });
      expect(await (await opened()).closed).toEqual([1008, 'idle']);
      Object.assign(SESSION_TIMES, { idle: 60_000, most: 300 });
      expect(await (await opened()).closed).toEqual([1008, 'time limit']);
    } finally {
      Object.assign(SESSION_TIMES, before);
    }
  });

  it('cuts off a client that does not answer', async () => {
    const before = { ...SESSION_TIMES };
    try {
      SESSION_TIMES.ping = 200;
      const socket = connect({ port, host: '127.0.0.1' });
      const key = Buffer.alloc(16).toString('base64');
      socket.write(
        `GET ${path}?ticket=${await ticket()} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
      socket.resume();
      await once(socket, 'close');
      await until(() => sessions[0]?.signal.aborted === true);
    } finally {
      Object.assign(SESSION_TIMES, before);
    }
  });

  it('gives a user ten sessions', async () => {
    const user = await app.user('terminal-many', 'operator');
    const ten: Opened[] = [];
    for (let number = 0; number < 10; number++) ten.push(await opened(user.token));
    expect(await refused(await ticket(user.token))).toMatchObject({ status: 429, code: 'rate_limited' });
    ten[0]?.socket.terminate();
    await until(() => sessions[0]?.signal.aborted === true);
    await opened(user.token);
    ten.forEach(({ socket }) => socket.terminate());
  });

  it('answers upgrades that are none of its own', async () => {
    expect(await refused(await ticket(), { path: '/api/servers' })).toMatchObject({ status: 404 });
    // clients of HTTP/2 offer to change the protocol with an ordinary request
    const call = get({
      port,
      host: '127.0.0.1',
      path: '/health/live',
      headers: { connection: 'Upgrade', upgrade: 'h2c' },
    });
    const [response] = (await once(call, 'response')) as [{ statusCode: number; destroy(): void }];
    expect(response.statusCode).toBe(200);
    response.destroy();
  });

  it('holds callers to their rate', async () => {
    const [limited, limitedPort] = await start({ RATE_LIMIT: '40' });
    try {
      const statuses: number[] = [];
      for (let number = 0; number < 210; number++) {
        const { socket } = open('x'.repeat(43), { port: limitedPort });
        const [, response] = (await once(socket, 'unexpected-response')) as [
          unknown,
          { statusCode: number; resume(): void },
        ];
        response.resume();
        statuses.push(response.statusCode);
      }
      expect(statuses[0]).toBe(401);
      expect(statuses.at(-1)).toBe(429);
    } finally {
      await limited.close();
    }
  }, 20_000);

  it('closes sessions with 1012 when the process stops, and records their end', async () => {
    const [other, otherPort] = await start();
    const made = (await other.post('/api/servers', { name: 'stopping' })).body.id as string;
    const otherPath = `/api/servers/${made}/test-terminal`;
    const given = (await other.post('/api/stream-tickets', { path: otherPath, method: 'GET' })).body.ticket as string;
    const { socket, closed } = open(given, { path: otherPath, port: otherPort });
    await once(socket, 'open');
    await other.close();
    expect(await closed).toEqual([1012, 'the process stops']);
    expect(sessions[0]?.signal.aborted).toBe(true);
  });
});
