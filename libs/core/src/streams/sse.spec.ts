import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { Conflict } from '../errors/errors.js';
import { sse } from './sse.js';
import { encodeSse, type SseEvent } from './sse-encoding.js';

let server: FastifyInstance;
let answer: (reply: FastifyReply) => Promise<void>;

beforeEach(async () => {
  server = fastify({ exposeHeadRoutes: true });
  server.get('/', async (_request, reply) => {
    void reply.header('X-Kept', 'yes');
    await answer(reply);
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
});

afterEach(() => server.close());

async function open(method = 'GET'): Promise<IncomingMessage> {
  const { port } = server.server.address() as AddressInfo;
  const call = request({ host: '127.0.0.1', port, path: '/', method, agent: false }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}

async function all(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function* numbers(count: number): AsyncGenerator<SseEvent> {
  for (let number = 1; number <= count; number++) yield { id: String(number), event: 'number', data: { number } };
}

it('encodes events so that no text can begin a field of its own', () => {
  expect(encodeSse({ data: { a: 1 } })).toBe('data: {"a":1}\n\n');
  expect(encodeSse({ id: '1\ndata: x', event: 'a\rb', data: 'one\r\ntwo\rthree\n' })).toBe(
    'id: 1 data: x\nevent: a b\ndata: one\ndata: two\ndata: three\ndata: \n\n',
  );
  expect(encodeSse({ id: '7' })).toBe('id: 7\n\n');
});

it('sends what an iterable has, and ends with it', async () => {
  answer = (reply) => sse(reply, numbers(3), { retryMs: 500 });
  const response = await open();
  expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8', 'x-kept': 'yes' });
  const events = [1, 2, 3].map((number) => `id: ${number}\nevent: number\ndata: {"number":${number}}\n\n`);
  expect(await all(response)).toBe(`retry: 500\n\n${events.join('')}`);
});

it('leaves failures before the first byte to others, and tells later ones in the stream', async () => {
  answer = (reply) =>
    sse(
      reply,
      (async function* (): AsyncGenerator<SseEvent> {
        yield* numbers(0);
        throw Object.assign(new Error('too early'), { statusCode: 418 });
      })(),
    );
  expect((await open()).statusCode).toBe(418);
  answer = (reply) =>
    sse(
      reply,
      (async function* (): AsyncGenerator<SseEvent> {
        yield* numbers(1);
        throw new Conflict('It is over.');
      })(),
    );
  const response = await open();
  expect(response.statusCode).toBe(200);
  expect(await all(response)).toContain(
    'event: error\ndata: {"code":"conflict","title":"Conflict","detail":"It is over."}\n\n',
  );
});

it('waits for its reader before it asks an iterable for more', async () => {
  let made = 0;
  answer = (reply) =>
    sse(
      reply,
      (async function* (): AsyncGenerator<SseEvent> {
        for (; made < 400; made++) yield { data: 'x'.repeat(100_000) };
      })(),
    );
  const response = await open();
  await sleep(500);
  const before = made;
  await sleep(200);
  expect(made).toBe(before);
  expect(made).toBeLessThan(300);
  expect((await all(response)).length).toBe(400 * (100_000 + 'data: \n\n'.length));
}, 20_000);

it('gives up what the source waits for when the client leaves', async () => {
  const abort = new AbortController();
  let over = false;
  answer = async (reply) => {
    await sse(
      reply,
      (async function* (): AsyncGenerator<SseEvent> {
        yield* numbers(1);
        await once(abort.signal, 'abort');
      })(),
      { abort },
    );
    over = true;
  };
  const response = await open();
  await once(response, 'data');
  response.destroy();
  await once(abort.signal, 'abort');
  await sleep(50);
  expect(over).toBe(true);
});

it('keeps a quiet stream alive, and unsubscribes when the client leaves', async () => {
  let unsubscribed = false;
  answer = (reply) =>
    sse(
      reply,
      (emit) => {
        emit({ data: 'while subscribing' });
        return () => (unsubscribed = true);
      },
      { heartbeatMs: 30 },
    );
  const response = await open();
  let text = '';
  response.on('data', (chunk: string) => (text += chunk));
  await sleep(200);
  expect(text).toMatch(/^data: while subscribing\n\n(:\n\n){3,7}$/);
  response.destroy();
  await sleep(100);
  expect(unsubscribed).toBe(true);
});

it('drops a reader who does not keep up with an emitter, and says so', async () => {
  answer = (reply) =>
    sse(
      reply,
      (emit) => {
        const timer = setInterval(() => emit({ data: 'x'.repeat(500_000) }), 1);
        return () => clearInterval(timer);
      },
      { maxBufferedBytes: 1_000_000 },
    );
  const response = await open();
  await sleep(1_000);
  expect((await all(response)).endsWith('event: dropped\ndata: {"reason":"slow_reader"}\n\n')).toBe(true);
}, 20_000);

it('ends when the recheck, the signal or an impossible recheck says so', async () => {
  const quiet = (): (() => void) => () => undefined;
  let reason: string | null = null;
  answer = (reply) => sse(reply, quiet, { recheck: () => Promise.resolve(reason), recheckMs: 20 });
  const checked = await open();
  reason = 'signed_out';
  expect(await all(checked)).toBe('event: end\ndata: {"reason":"signed_out"}\n\n');
  const abort = new AbortController();
  answer = (reply) => sse(reply, quiet, { signal: abort.signal });
  const signalled = await open();
  abort.abort();
  expect(await all(signalled)).toContain('event: end');
  answer = (reply) => sse(reply, quiet, { signal: abort.signal });
  expect(await all(await open())).toBe('');
});

it('answers HEAD with headers alone', async () => {
  answer = (reply) => sse(reply, numbers(3));
  const response = await open('HEAD');
  expect(response.headers['content-type']).toContain('text/event-stream');
  expect(await all(response)).toBe('');
});
