import { SseClient } from '../support/sse-client.js';
import { startWebhookReceiver, type WebhookReceiver } from '../stubs/webhook-receiver.js';
import { newDatabase, pause, type Replica, Replicas, sql, until } from './replicas.js';
import { postgres, type PostgresService } from './services.js';

describe('events of two processes on one PostgreSQL', () => {
  let database: PostgresService;
  let url: string;
  let superuserUrl: string;
  let replicas: Replicas;
  let a: Replica;
  let b: Replica;
  let admin: string;
  let receiver: WebhookReceiver;
  const clients: SseClient[] = [];
  let count = 0;

  beforeAll(async () => {
    database = await postgres();
    url = await newDatabase(database);
    const asSuperuser = new URL(database.superuserUrl);
    asSuperuser.pathname = new URL(url).pathname;
    superuserUrl = asSuperuser.href;
    replicas = new Replicas({ DATABASE_URL: url });
    [a, b] = await Promise.all([replicas.start(), replicas.start()]);
    admin = await a.signIn();
  }, 120_000);

  beforeEach(async () => {
    receiver = await startWebhookReceiver();
  });

  afterEach(async () => {
    clients.splice(0).forEach((client) => client.close());
    await receiver.close();
    await sql(url, 'DELETE FROM webhooks');
  });

  afterAll(async () => {
    await replicas?.endAll();
    await database?.stop();
  });

  async function follow(replica: Replica, headers: Record<string, string> = {}): Promise<SseClient> {
    const client = await SseClient.open(`${replica.address}/api/events?type=server.created`, admin, headers);
    clients.push(client);
    return client;
  }

  /** Makes servers on both processes in turn, in several lanes; answers their ids. */
  async function make(total: number, lanes = 10): Promise<string[]> {
    const ids: string[] = [];
    const lane = async (): Promise<void> => {
      while (count++ < last) {
        const made = await [a, b][count % 2]!.call(
          'POST',
          '/api/servers',
          { name: `server ${count} ${Math.random()}` },
          { token: admin },
        );
        expect(made.status).toBe(201);
        ids.push(made.body.id as string);
      }
    };
    count = 0;
    const last = total;
    await Promise.all(Array.from({ length: lanes }, lane));
    return ids.sort();
  }

  const heardBy = (client: SseClient): string[] => client.events.map(({ data }) => data.resource.id as string).sort();

  async function makeWebhook(): Promise<string> {
    const body = { name: `hook ${Math.random()}`, url: receiver.url, events: ['server.created'] };
    const made = await a.call('POST', '/api/webhooks', body, { token: admin });
    expect(made.status).toBe(201);
    return made.body.id as string;
  }

  const toldIds = (): string[] => receiver.received.map(({ body }) => JSON.parse(body).resource.id as string).sort();

  it('are heard by both, once each', async () => {
    const [onA, onB] = [await follow(a), await follow(b)];
    const ids = await make(300);
    for (const client of [onA, onB]) await client.until((all) => all.length >= ids.length, 10_000);
    await pause(500);
    expect(heardBy(onA)).toEqual(ids);
    expect(heardBy(onB)).toEqual(ids);
    const started = performance.now();
    await make(1, 1);
    await onB.until((all) => all.length > ids.length);
    console.log(
      `an event is heard by the other process ${Math.round(performance.now() - started)} ms after its request began`,
    );
  }, 60_000);

  it('commit in another order than they are numbered, and are heard once all the same', async () => {
    const client = await follow(a);
    const insert = `INSERT INTO events (type, permission, resource_type, resource_id, data, instance_id)
      VALUES ('server.created', 'servers:read', 'server', $1, '{}', gen_random_uuid())`;
    // this one takes its number first and commits last
    const late = sql(
      url,
      `WITH made AS (${insert.replace('$1', `'late'`)} RETURNING 1) SELECT pg_sleep(1.5), pg_notify('einfra_events', '') FROM made`,
    );
    await pause(300);
    await sql(url, insert, ['early']);
    await make(1, 1);
    await client.until((all) => all.length >= 2);
    expect(heardBy(client)).not.toContain('late');
    const id = client.lastId();
    await late;
    await client.until((all) => all.length >= 3);
    // who left in between and comes back to the other process gets it, and only it
    const back = await follow(b, { 'last-event-id': id });
    await back.until((all) => all.length >= 1);
    await pause(500);
    expect(back.events.map(({ data }) => data.resource.id)).toEqual(['late']);
    expect(client.events.filter(({ data }) => data.resource.id === 'late')).toHaveLength(1);
  }, 30_000);

  it('are not missed when the connections that listen are killed again and again', async () => {
    const [onA, onB] = [await follow(a), await follow(b)];
    let stop = false;
    let killed = 0;
    const killing = (async () => {
      while (!stop) {
        const rows = await sql<{ killed: boolean }>(
          superuserUrl,
          `SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity WHERE application_name = 'einfra events'`,
        );
        killed += rows.filter((row) => row.killed).length;
        await pause(400);
      }
    })();
    const ids = await make(400);
    stop = true;
    await killing;
    for (const client of [onA, onB]) await client.until((all) => all.length >= ids.length, 10_000);
    await pause(500);
    expect(heardBy(onA)).toEqual(ids);
    expect(heardBy(onB)).toEqual(ids);
    expect(killed).toBeGreaterThan(2);
    // and both listen again
    await until(
      'two listening connections',
      async () =>
        (await sql(url, `SELECT 1 FROM pg_stat_activity WHERE application_name = 'einfra events'`)).length === 2,
      10_000,
    );
  }, 90_000);

  it('are not missed when PostgreSQL is restarted', async () => {
    const client = await follow(b);
    const before = await make(20);
    await client.until((all) => all.length >= before.length);
    await database.restart();
    await until('the database', async () => (await a.call('GET', '/health/ready')).status === 200, 15_000);
    await until('the other', async () => (await b.call('GET', '/health/ready')).status === 200, 15_000);
    const after = await make(20, 2);
    await client.until((all) => all.length >= before.length + after.length, 10_000);
    expect(heardBy(client)).toEqual([...before, ...after].sort());
  }, 60_000);

  it('reach a webhook once, whichever process sends', async () => {
    const id = await makeWebhook();
    const ids = await make(200);
    await until('all deliveries', async () => receiver.received.length >= ids.length, 30_000);
    await pause(1_000);
    expect(toldIds()).toEqual(ids);
    const rows = await sql<{ state: string; count: string }>(
      url,
      'SELECT state, count(*) FROM webhook_deliveries WHERE webhook_id = $1 GROUP BY state',
      [id],
    );
    expect(rows).toEqual([{ state: 'succeeded', count: '200' }]);
  }, 60_000);

  it('reach a webhook although the process that was sending was killed', async () => {
    await makeWebhook();
    const third = await replicas.start();
    receiver.mode = 'silent';
    const ids = await make(12);
    await until('a sending', async () => receiver.received.length >= 4, 10_000);
    await third.end('SIGKILL');
    await a.end('SIGKILL');
    receiver.mode = 'ok';
    receiver.received.length = 0;
    // leases end after 20 s, tries that b was at after 10 s
    await until('all events', async () => new Set(toldIds()).size >= ids.length, 60_000);
    expect([...new Set(toldIds())]).toEqual(ids);
  }, 90_000);

  it('go on with another process when one is stopped: the stream says so', async () => {
    const c = await replicas.start();
    const client = await follow(c);
    const made = await b.call('POST', '/api/servers', { name: `first ${Math.random()}` }, { token: admin });
    await client.until((all) => all.length >= 1);
    expect(await c.end('SIGTERM')).toBe(0);
    await client.closed;
    expect(client.events.at(-1)).toMatchObject({ event: 'end', data: { reason: 'shutting_down' } });
    const second = await b.call('POST', '/api/servers', { name: `second ${Math.random()}` }, { token: admin });
    const back = await follow(b, { 'last-event-id': client.lastId() });
    await back.until((all) => all.length >= 1);
    expect([client.events[0]?.data.resource.id, ...heardBy(back)]).toEqual([made.body.id, second.body.id]);
  }, 60_000);
});
