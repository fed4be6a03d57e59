import { createHmac } from 'node:crypto';
import { DataSource } from 'typeorm';
import { startApp, type TestApp } from './harness.js';
import { startWebhookReceiver, type WebhookReceiver } from './stubs/webhook-receiver.js';

const SECRET = 'a secret of the receiver';

let app: TestApp;
let source: DataSource;
let receiver: WebhookReceiver;
let count = 0;

beforeAll(async () => {
  app = await startApp();
  source = app.app.get(DataSource);
});

beforeEach(async () => {
  receiver = await startWebhookReceiver();
});

afterEach(async () => {
  await receiver.close();
  await source.query('DELETE FROM webhooks');
});

afterAll(() => app.close());

async function makeWebhook(more: object = {}): Promise<string> {
  const body = { name: `hook ${++count}`, url: `${receiver.url}/hook`, events: ['server.*'], secret: SECRET, ...more };
  const made = await app.post('/api/webhooks', body);
  expect(made.status).toBe(201);
  return made.body.id as string;
}

async function makeServer(): Promise<{ id: string; name: string }> {
  const made = await app.post('/api/servers', { name: `server ${++count}`, environment: 'lab' });
  expect(made.status).toBe(201);
  return made.body;
}

async function until<T>(read: () => Promise<T> | T, isSo: (value: T) => boolean, ms = 8_000): Promise<T> {
  const started = performance.now();
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    if (performance.now() - started > ms) throw new Error(`not within ${ms} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const deliveries = async (id: string, query = ''): Promise<any[]> =>
  (await app.get(`/api/webhooks/${id}/deliveries${query}`)).body.items;
/** The first delivery, once it was tried so often. */
const tried = (id: string, attempts = 1, ms?: number): Promise<any> =>
  until(
    async () => (await deliveries(id))[0],
    (delivery) => delivery?.attempts >= attempts,
    ms,
  );
/** Makes what waits for its next try due now. */
const hurry = (id: string): Promise<unknown> =>
  source.query(
    'UPDATE webhook_deliveries SET next_at = now() WHERE webhook_id = $1 AND next_at IS NOT NULL AND lease IS NULL',
    [id],
  );

describe('a webhook', () => {
  it('is told of matching events, signed and with the time', async () => {
    const id = await makeWebhook();
    const other = await makeWebhook({ events: ['webhook.disabled'] });
    const server = await makeServer();
    const delivery = await tried(id);
    expect(delivery).toMatchObject({
      state: 'succeeded',
      status: 204,
      problem: null,
      attempts: 1,
      nextAt: null,
      eventType: 'server.created',
    });
    expect(receiver.received).toHaveLength(1);
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-einfra-event': 'server.created',
      'x-einfra-delivery': delivery.id,
    });
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-einfra-signature'])) ?? [];
    expect(mac).toBe(createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex'));
    expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(10);
    expect(JSON.parse(body)).toMatchObject({
      id: delivery.eventId,
      type: 'server.created',
      environment: 'lab',
      resource: { type: 'server', id: server.id, name: server.name },
    });
    expect(await deliveries(other)).toEqual([]);
  });

  it.each([
    ['fail', /answered 500/, 500],
    ['redirect', /answered 307; redirects are not followed/, 307],
    ['huge', /longer than 65536 bytes/, null],
    ['cut', /could not be reached|broke/, null],
  ] as const)('whose receiver is “%s” is tried again until it works', async (mode, problem, status) => {
    receiver.mode = mode;
    const id = await makeWebhook();
    await makeServer();
    const failed = await tried(id);
    expect(failed).toMatchObject({ state: 'pending', status, attempts: 1 });
    expect(failed.problem).toMatch(problem);
    const wait = (Date.parse(failed.nextAt) - Date.parse(failed.attemptedAt)) / 1000;
    expect(wait).toBeGreaterThanOrEqual(10);
    expect(wait).toBeLessThanOrEqual(11.1);
    expect((await app.get(`/api/webhooks/${id}`)).body.failingSince).not.toBeNull();
    expect(receiver.bytesTaken).toBeLessThan(8 * 1024 * 1024);
    receiver.mode = 'ok';
    await hurry(id);
    expect(await tried(id, 2)).toMatchObject({ state: 'succeeded', attempts: 2, problem: null });
    // the same delivery, signed anew
    expect(new Set(receiver.received.map(({ headers }) => headers['x-einfra-delivery']))).toEqual(new Set([failed.id]));
    expect((await app.get(`/api/webhooks/${id}`)).body.failingSince).toBeNull();
  });

  it('whose receiver never answers does not hold up another', async () => {
    receiver.mode = 'silent';
    const slow = await makeWebhook();
    const other = await startWebhookReceiver();
    const fast = await makeWebhook({ url: other.url });
    try {
      for (let number = 0; number < 6; number++) await makeServer();
      await until(
        () => other.received.length,
        (length) => length === 6,
        6_000,
      );
      expect(await deliveries(fast, '?state=succeeded')).toHaveLength(6);
      const [given] = await until(
        () => deliveries(slow, '?state=pending'),
        (all) => all.some(({ attempts }) => attempts > 0),
        15_000,
      ).then((all) => all.filter(({ attempts }) => attempts > 0));
      expect(given.problem).toMatch(/No complete answer within 10 s/);
    } finally {
      await other.close();
    }
  }, 40_000);

  it('is tried eight times, with longer and longer waits', async () => {
    receiver.mode = 'fail';
    const id = await makeWebhook();
    await makeServer();
    const waits: number[] = [];
    for (let attempts = 1; attempts <= 8; attempts++) {
      const { nextAt, attemptedAt } = await tried(id, attempts);
      if (nextAt) waits.push((Date.parse(nextAt) - Date.parse(attemptedAt)) / 1000);
      await hurry(id);
    }
    expect(waits.map((wait) => [10, 30, 60, 300, 900, 1_800, 3_600].findLast((least) => wait >= least - 0.01))).toEqual(
      [10, 30, 60, 300, 900, 1_800, 3_600],
    );
    expect((await deliveries(id))[0]).toMatchObject({ state: 'failed', attempts: 8, nextAt: null });
    expect(receiver.received).toHaveLength(8);
  }, 60_000);

  it('is disabled after a day of nothing but failures, with an event', async () => {
    const watcher = await startWebhookReceiver();
    const id = await makeWebhook({ url: `${receiver.url}/gone` });
    await makeWebhook({ url: watcher.url, events: ['webhook.*'] });
    receiver.mode = 'fail';
    try {
      await makeServer();
      await tried(id);
      expect((await app.get(`/api/webhooks/${id}`)).body.enabled).toBe(true);
      await source.query(`UPDATE webhooks SET failing_since = now() - interval '25 hours' WHERE id = $1`, [id]);
      await hurry(id);
      await tried(id, 2);
      const { body } = await app.get(`/api/webhooks/${id}`);
      expect(body).toMatchObject({ enabled: false, disabledReason: expect.stringContaining('answered 500') });
      await until(
        () => watcher.received.length,
        (length) => length > 0,
      );
      expect(JSON.parse(watcher.received[0]!.body)).toMatchObject({
        type: 'webhook.disabled',
        resource: { type: 'webhook', id },
      });
      // nothing more is sent, and what happens is not made up for
      const sent = receiver.received.length;
      await hurry(id);
      await makeServer();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(receiver.received).toHaveLength(sent);
      const enabled = await app.patch(`/api/webhooks/${id}`, { enabled: true });
      expect(enabled.body).toMatchObject({ enabled: true, disabledReason: null, failingSince: null });
    } finally {
      await watcher.close();
    }
  }, 30_000);

  it('can be tested and replayed', async () => {
    const id = await makeWebhook({ events: ['nothing.ever'] });
    const tested = await app.post(`/api/webhooks/${id}/test`);
    expect(tested.status).toBe(200);
    expect(tested.body).toMatchObject({ state: 'succeeded', status: 204, eventType: 'webhook.test', eventId: null });
    receiver.mode = 'fail';
    const failed = await app.post(`/api/webhooks/${id}/test`);
    expect(failed.body).toMatchObject({ state: 'failed', status: 500, attempts: 1, nextAt: null });
    receiver.mode = 'ok';
    const replay = await app.post(`/api/webhooks/${id}/deliveries/${tested.body.id}/replay`);
    expect(replay.status).toBe(201);
    expect(replay.headers['location']).toBe(`/api/webhooks/${id}/deliveries/${replay.body.id}`);
    const again = await until(
      async () => (await app.get(replay.headers['location'] as string)).body,
      ({ state }) => state !== 'pending',
    );
    expect(again).toMatchObject({ state: 'succeeded', replayOf: tested.body.id });
    expect(receiver.received[2]?.body).toBe(receiver.received[0]?.body);
    expect(receiver.received[2]?.headers['x-einfra-delivery']).toBe(replay.body.id);
    const listed = await app.get(`/api/webhooks/${id}/deliveries?limit=2`);
    expect(listed.body.items).toHaveLength(2);
    const rest = await app.get(`/api/webhooks/${id}/deliveries?limit=2&cursor=${listed.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ id: tested.body.id }], nextCursor: null });
    expect((await app.post(`/api/webhooks/${id}/deliveries/${id}/replay`)).status).toBe(404);
    await app.patch(`/api/webhooks/${id}`, { enabled: false });
    expect((await app.post(`/api/webhooks/${id}/deliveries/${tested.body.id}/replay`)).status).toBe(409);
  });
});

describe('the secret of a webhook', () => {
  it('is shown once when EINFRA makes it, and never when it was given', async () => {
    const made = await app.post('/api/webhooks', { name: 'made', url: receiver.url, events: ['*'] });
    expect(made.body.secret).toMatch(/^[\w-]{43}$/);
    expect(made.headers['location']).toBe(`/api/webhooks/${made.body.id}`);
    const given = await app.post('/api/webhooks', { name: 'given', url: receiver.url, events: ['*'], secret: SECRET });
    expect(given.body).not.toHaveProperty('secret');
    const stored: { sealed_secret: string }[] = await source.query('SELECT sealed_secret FROM webhooks');
    const everything = JSON.stringify([
      (await app.get('/api/webhooks')).body,
      (await app.get(`/api/webhooks/${made.body.id}`)).body,
      (await app.get('/api/audit?action=webhook.create')).body,
      stored,
    ]);
    for (const secret of [made.body.secret, SECRET]) expect(everything).not.toContain(secret);
    expect(stored.every(({ sealed_secret: sealed }) => sealed.startsWith('v1.'))).toBe(true);
  });

  it('is needed again for another address', async () => {
    const id = await makeWebhook();
    const moved = await app.patch(`/api/webhooks/${id}`, { url: `${receiver.url}/mine` });
    expect(moved.status).toBe(400);
    expect(moved.body).toMatchObject({ code: 'credentials_required', errors: [{ pointer: '/secret' }] });
    expect((await app.get(`/api/webhooks/${id}`)).body.url).toBe(`${receiver.url}/hook`);
    const known = await app.patch(`/api/webhooks/${id}`, { url: `${receiver.url}/mine`, secret: SECRET });
    expect(known.body).toMatchObject({ url: `${receiver.url}/mine`, version: 2 });
    // the same address is no change of it
    expect((await app.patch(`/api/webhooks/${id}`, { url: `${receiver.url}/mine` })).body.version).toBe(2);
  });

  it('signs from its change on', async () => {
    const id = await makeWebhook();
    await app.patch(`/api/webhooks/${id}`, { secret: 'quite another secret' });
    await makeServer();
    await tried(id);
    const { headers, body } = receiver.received[0]!;
    const time = /t=(\d+)/.exec(String(headers['x-einfra-signature']))?.[1];
    expect(headers['x-einfra-signature']).toBe(
      `t=${time},v1=${createHmac('sha256', 'quite another secret').update(`${time}.${body}`).digest('hex')}`,
    );
  });
});

describe('/api/webhooks', () => {
  it.each([
    ['a metadata address', { url: 'http://169.254.169.254/latest' }, '/url'],
    ['another scheme', { url: 'file:///etc/passwd' }, '/url'],
    ['a password in the address', { url: 'http://user:pass@example.com/' }, '/url'],
    ['a short secret', { secret: 'too short' }, '/secret'],
    ['no events', { events: [] }, '/events'],
    ['something that is no type', { events: ['server.*.x'] }, '/events'],
  ])('refuses %s', async (_, wrong, pointer) => {
    const body = { name: 'wrong', url: receiver.url, events: ['*'], ...wrong };
    const answer = await app.post('/api/webhooks', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].pointer).toContain(pointer);
  });

  it('keeps names apart, versions, and removes with everything', async () => {
    const id = await makeWebhook({ name: 'Twice' });
    const taken = await app.post('/api/webhooks', { name: 'twice', url: receiver.url, events: ['*'] });
    expect(taken.status).toBe(409);
    expect(taken.body.errors[0].pointer).toBe('/name');
    const stale = await app.patch(`/api/webhooks/${id}`, { name: 'x' }, { headers: { 'if-match': '"9"' } });
    expect(stale.status).toBe(412);
    await app.post(`/api/webhooks/${id}/test`);
    expect((await app.delete(`/api/webhooks/${id}`)).status).toBe(204);
    expect((await app.get(`/api/webhooks/${id}/deliveries`)).status).toBe(404);
    expect(await source.query('SELECT 1 FROM webhook_deliveries')).toEqual([]);
  });

  it('is for administrators', async () => {
    for (const role of ['operator', 'viewer', 'auditor']) {
      const { token } = await app.user(`hooks-${role}`, role);
      expect((await app.get('/api/webhooks', { token })).status).toBe(403);
    }
  });
});
