import { type AddressInfo, connect } from 'node:net';
import { DataSource } from 'typeorm';
import { EventCursor, EventLog, Events, type NewEvent, type StoredEvent } from '#core';
import { startApp, type TestApp } from './harness.js';
import { SseClient } from './support/sse-client.js';

let app: TestApp;
let address: string;
let source: DataSource;
let events: Events;
const clients: SseClient[] = [];

beforeAll(async () => {
  app = await startApp();
  await app.app.listen(0, '127.0.0.1');
  address = `http://127.0.0.1:${(app.app.getHttpServer().address() as AddressInfo).port}`;
  source = app.app.get(DataSource);
  events = app.app.get(Events);
});

afterEach(() => clients.splice(0).forEach((client) => client.close()));
afterAll(() => app.close());

async function follow(query = '', token = app.adminToken, headers: Record<string, string> = {}): Promise<SseClient> {
  const client = await SseClient.open(`${address}/api/events${query}`, token, headers);
  clients.push(client);
  return client;
}

const event = (type: string, more: Partial<NewEvent> = {}): NewEvent => ({
  type,
  target: { kind: 'server', id: '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11', environment: 'lab' },
  permission: 'servers:read',
  resource: { type: 'server', id: '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11', name: 'web-01' },
  data: {},
  ...more,
});
const publish = (...made: NewEvent[]): Promise<void> =>
  source.transaction((manager) => events.publish(manager, ...made));
const marker = async (client: SseClient, type = 'test.marker'): Promise<void> => {
  await publish(event(type));
  await client.until((all) => all.some(({ event: name }) => name === type));
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('events', () => {
  it('are heard once, and only when their transaction has committed', async () => {
    const heard: StoredEvent[] = [];
    const stop = events.subscribe((one) => heard.push(one), { types: ['once.*'] });
    await source.transaction(async (manager) => {
      await events.publish(manager, event('once.first'));
      await sleep(50);
      expect(heard).toEqual([]);
    });
    await expect(
      source.transaction(async (manager) => {
        await events.publish(manager, event('once.never'));
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    await publish(event('once.second', { data: { text: 'nul \u0000 and half \ud800' } }), event('other.type'));
    while (heard.length < 2) await sleep(10);
    await sleep(100);
    stop();
    expect(heard.map(({ type }) => type)).toEqual(['once.first', 'once.second']);
    expect(heard[1]).toMatchObject({ target: { kind: 'server', environment: 'lab' }, resource: { name: 'web-01' } });
    await publish(event('once.third'));
    await sleep(100);
    expect(heard).toHaveLength(2);
  });

  it('that a listener fails at reach the others', async () => {
    const heard: string[] = [];
    const stops = [
      events.subscribe(() => {
        throw new Error('of a listener');
      }),
      events.subscribe(({ type }) => heard.push(type)),
    ];
    await publish(event('listener.failed'));
    while (heard.length === 0) await sleep(10);
    stops.forEach((stop) => stop());
    expect(heard).toEqual(['listener.failed']);
  });

  it('are removed after seven days', async () => {
    await publish(event('old.one'), event('new.one'));
    await source.query(`UPDATE events SET at = now() - interval '8 days' WHERE type = 'old.one'`);
    await app.app.get(EventLog).removeOld();
    const left: { type: string }[] = await source.query(`SELECT type FROM events WHERE type IN ('old.one', 'new.one')`);
    expect(left).toEqual([{ type: 'new.one' }]);
  });
});

describe('the cursor of a reader of events', () => {
  it('waits for numbers that were skipped, and takes each once', () => {
    const cursor = new EventCursor(10);
    expect([11, 14, 12, 14, 12, 9].map((id) => cursor.see(id))).toEqual([true, true, true, false, false, false]);
    expect(cursor.missing()).toEqual([13]);
    expect(cursor.toString()).toBe('14.13');
    const again = EventCursor.parse('14.13');
    expect([13, 14, 15].map((id) => again?.see(id))).toEqual([true, false, true]);
    expect(again?.toString()).toBe('15');
  });

  it('gives up on numbers that do not come for five minutes', () => {
    const cursor = new EventCursor(1);
    cursor.see(3, 1_000);
    expect(cursor.missing(1_000 + 299_000)).toEqual([2]);
    expect(cursor.missing(1_000 + 301_000)).toEqual([]);
    expect(cursor.see(2)).toBe(false);
  });

  it.each(['', 'x', '1.', '-1', '1;DROP', `1${'.2'.repeat(51)}`])('refuses %j', (text) => {
    expect(EventCursor.parse(text)).toBeNull();
  });
});

describe('GET /api/events', () => {
  it('is a stream with what servers go through', async () => {
    const client = await follow();
    expect(client.status).toBe(200);
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    });
    expect(client.response.headers['cache-control']).toContain('no-cache');
    const made = (await app.post('/api/servers', { name: 'followed', environment: 'lab' })).body;
    await app.patch(`/api/servers/${made.id}`, { description: 'changed' });
    await app.patch(`/api/servers/${made.id}`, { maintenance: true });
    await app.delete(`/api/servers/${made.id}`);
    const types = ['server.created', 'server.updated', 'server.status.changed', 'server.deleted'];
    await client.until(() => client.named('server.deleted').length > 0);
    expect(types.filter((type) => client.named(type).length > 0)).toEqual(types);
    expect(client.named('server.created')[0]?.data).toMatchObject({
      type: 'server.created',
      environment: 'lab',
      system: { kind: 'server', id: made.id },
      resource: { type: 'server', id: made.id, name: 'followed' },
    });
    expect(client.retryMs).toBe(3_000);
  });

  it('is filtered by type and by resource', async () => {
    const byType = await follow('?type=filter.a&type=filter.b.*');
    const byResource = await follow('?resource=server/other&resource=thing');
    const named = (type: string, id: string): NewEvent => event('filter.c', { resource: { type, id, name: null } });
    await publish(event('filter.a'), event('filter.ab'), event('filter.b.c'), event('filter.b'));
    await publish(named('server', 'other'), named('server', 'one'), named('thing', 'any'));
    await byType.until((all) => all.length >= 2);
    await byResource.until((all) => all.length >= 2);
    await sleep(100);
    expect(byType.events.map(({ event: name }) => name)).toEqual(['filter.a', 'filter.b.c']);
    expect(byResource.events.map(({ data }) => data.resource.id)).toEqual(['other', 'any']);
    const wrong = await app.get('/api/events?type=server.%2a%2a');
    expect(wrong.status).toBe(400);
    expect(wrong.body.errors[0].pointer).toBe('?type');
  });

  it('shows only what the caller may see, and what they may no longer see no more', async () => {
    const viewer = await app.user('lab-viewer', 'viewer', { type: 'environment', name: 'lab' });
    const client = await follow('', viewer.token);
    const elsewhere = { kind: 'server' as const, id: '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f12', environment: 'elsewhere' };
    await publish(
      event('seen.no', { target: elsewhere }),
      event('seen.no', { target: {}, permission: 'users:read' }),
      event('seen.no', { target: {} }),
      event('seen.no', { permission: 'servers:gone' as never }),
      event('seen.yes'),
    );
    await client.until((all) => all.length > 0);
    await sleep(100);
    expect(client.events.map(({ event: name }) => name)).toEqual(['seen.yes']);
    const grants = (await app.get(`/api/grants?userId=${viewer.id}`)).body.items as {
      id: string;
      subject: { id: string };
    }[];
    const grant = grants.find(({ subject }) => subject.id === viewer.id);
    await app.delete(`/api/grants/${grant?.id}`);
    await sleep(5_500);
    await publish(event('seen.later'));
    await sleep(200);
    expect(client.named('seen.later')).toEqual([]);
    expect(client.named('end')).toEqual([]);
  }, 15_000);

  it('ends when the session does', async () => {
    const token = (await app.user('signs-out', 'viewer')).token;
    const client = await follow('', token);
    await marker(client);
    expect((await app.post('/api/logout', undefined, { token })).status).toBe(204);
    await client.until(() => client.named('end').length > 0, 6_000);
    expect(client.named('end')[0]?.data).toEqual({ reason: 'signed_out' });
    await client.closed;
  }, 15_000);

  it('goes on behind the last event that was seen', async () => {
    const first = await follow('?type=resume.*');
    await marker(first, 'resume.start');
    const id = first.lastId();
    first.close();
    for (let number = 1; number <= 450; number += 50)
      await publish(
        ...Array.from({ length: 50 }, (_, index) => event('resume.missed', { data: { number: number + index } })),
      );
    const second = await follow('?type=resume.*', undefined, { 'last-event-id': id });
    await second.until((all) => all.length >= 450);
    await publish(event('resume.live'));
    await second.until(() => second.named('resume.live').length > 0);
    expect(second.named('resume.missed').map(({ data }) => data.data.number)).toEqual(
      Array.from({ length: 450 }, (_, index) => index + 1),
    );
    expect(second.events).toHaveLength(451);
    expect((await app.get('/api/events', { headers: { 'last-event-id': 'nonsense' } })).status).toBe(400);
  });

  it('goes on from its beginning for a client that has seen no event', async () => {
    await publish(event('quiet.before'));
    await sleep(100);
    const first = await follow('?type=quiet.*');
    await sleep(100);
    expect(first.events).toEqual([]);
    first.close();
    await publish(event('quiet.missed'));
    const second = await follow('?type=quiet.*', undefined, { 'last-event-id': first.lastId() });
    await second.until((all) => all.length > 0);
    expect(second.events.map(({ event: name }) => name)).toEqual(['quiet.missed']);
  });

  it('drops a reader who reads too slowly, and says so', async () => {
    const port = Number(new URL(address).port);
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write(
      `GET /api/events?type=big HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${app.adminToken}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const big = event('big', { data: { text: 'x'.repeat(100_000) } });
    // the kernel takes some megabytes on the way
    for (let round = 0; round < 30; round++) await publish(...Array.from({ length: 10 }, () => big));
    await sleep(500);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString().replaceAll('x'.repeat(100), '')));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toContain('event: dropped');
    expect(text).toContain('slow_reader');
  }, 20_000);

  it('gives a user twenty streams', async () => {
    const { token } = await app.user('many-streams', 'viewer');
    const open = await Promise.all(Array.from({ length: 20 }, () => follow('', token)));
    expect(open.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
    const refused = await app.get('/api/events', { token });
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBeDefined();
    open[0]?.close();
    await sleep(200);
    expect((await follow('', token)).status).toBe(200);
  });

  it('is for those who are signed in', async () => {
    expect((await app.get('/api/events', { token: null })).status).toBe(401);
  });

  it('ends when the process stops', async () => {
    const other = await startApp();
    await other.app.listen(0, '127.0.0.1');
    const { port } = other.app.getHttpServer().address() as AddressInfo;
    const client = await SseClient.open(`http://127.0.0.1:${port}/api/events`, other.adminToken);
    const started = performance.now();
    await other.close();
    expect(performance.now() - started).toBeLessThan(5_000);
    await client.closed;
    expect(client.events.at(-1)).toMatchObject({ event: 'end', data: { reason: 'shutting_down' } });
  });
});
