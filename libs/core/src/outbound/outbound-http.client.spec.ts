import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { HttpService } from '@nestjs/axios';
import { UpstreamDenied, UpstreamError, UpstreamTimeout } from '../errors/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundGuard, parseAllowance } from './outbound-guard.js';
import { OutboundHttp } from './outbound-http.client.js';

const SYSTEM = { kind: 'server', name: 'test' };

/** A server of raw bytes: what it answers is up to each test. */
async function rawServer(
  answer: (socket: Socket) => void,
): Promise<{ url: string; connections: () => number; close: () => void }> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    connections: () => connections,
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

describe('OutboundHttp', () => {
  const open: { close: () => void }[] = [];
  const serve = async (answer: (socket: Socket) => void): ReturnType<typeof rawServer> => {
    const server = await rawServer(answer);
    open.push(server);
    return server;
  };
  const client = (allow = '127.0.0.1'): OutboundHttp =>
    new OutboundHttp(new HttpService(), new OutboundGuard(parseAllowance(allow, false)), new Metrics());
  const get = (
    url: string,
    options: { timeoutMs?: number; maxBytes?: number } = {},
  ): Promise<{ status: number; body: Buffer }> =>
    client().sendExpectingSuccess({ system: SYSTEM, url, timeoutMs: 500, maxBytes: 1000, ...options });

  afterEach(() => open.splice(0).forEach((server) => server.close()));

  const respond = (head: string, body: string | Buffer = ''): ((socket: Socket) => void) => {
    return (socket) => {
      socket.write(`HTTP/1.1 ${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`);
      socket.end(body);
    };
  };

  it('hands over what was answered', async () => {
    const server = await serve(respond('200 OK', 'hello'));
    expect((await get(server.url)).body.toString()).toBe('hello');
  });

  it('ends in time when nothing comes, or comes drop by drop', async () => {
    const silent = await serve(() => undefined);
    await expect(get(silent.url)).rejects.toThrow(UpstreamTimeout);
    const dripping = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    const start = Date.now();
    await expect(get(dripping.url)).rejects.toThrow(UpstreamTimeout);
    expect(Date.now() - start).toBeLessThan(1500);
  });

  it('stops reading at the size cap, also when the answer is compressed', async () => {
    const large = await serve(respond('200 OK', 'x'.repeat(5000)));
    await expect(get(large.url)).rejects.toThrow(/longer than 1000 bytes/);
    const bomb = await serve(respond('200 OK\r\nContent-Encoding: gzip', gzipSync(Buffer.alloc(5_000_000))));
    await expect(get(bomb.url, { maxBytes: 100_000 })).rejects.toThrow(/longer than 100000 bytes/);
  });

  it('does not follow redirects', async () => {
    const target = await serve(respond('200 OK', 'secret'));
    const server = await serve(respond(`302 Found\r\nLocation: ${target.url}`));
    await expect(get(server.url)).rejects.toThrow(/302; redirects are not followed/);
    expect(target.connections()).toBe(0);
  });

  it('tells a refused credential from another failure', async () => {
    await expect(get((await serve(respond('401 Unauthorized'))).url)).rejects.toThrow(UpstreamDenied);
    await expect(get((await serve(respond('500 Oops', '<html>stack</html>'))).url)).rejects.toThrow(/answered 500\.$/);
  });

  it.each([
    ['no HTTP at all', 'garbage\r\n\r\n'],
    ['a wrong length', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort'],
    ['endless headers', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`],
  ])('survives %s', async (_, bytes) => {
    const server = await serve((socket) => socket.end(bytes));
    await expect(get(server.url)).rejects.toThrow(UpstreamError);
  });

  it('never connects to what the guard refuses', async () => {
    const server = await serve(respond('200 OK', 'internal'));
    const request = { system: SYSTEM, url: server.url, timeoutMs: 500, maxBytes: 1000 };
    await expect(client('').send(request)).rejects.toThrow(/OUTBOUND_ALLOW/);
    await expect(client('').send({ ...request, url: server.url.replace('127.0.0.1', 'localhost') })).rejects.toThrow(
      /OUTBOUND_ALLOW/,
    );
    expect(server.connections()).toBe(0);
  });

  it('says the same of a closed port as of a host that is not there', async () => {
    const server = await serve(() => undefined);
    server.close();
    await expect(get(server.url)).rejects.toThrow('It could not be reached.');
  });
});
