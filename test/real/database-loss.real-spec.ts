import { ADMIN_PASSWORD } from '../harness.js';
import { type Answer, Load, newDatabase, pause, type Replica, Replicas, sql, until } from './replicas.js';
import { postgres, type PostgresService } from './services.js';

const STATEMENT_TIMEOUT_SECONDS = 2;
/** No answer takes longer than this while PostgreSQL is gone. */
const GONE_MS = 2_000;

describe('a process that loses its PostgreSQL', () => {
  let database: PostgresService;
  let replicas: Replicas;
  let replica: Replica;
  let token: string;
  let unused: string;
  let url: string;
  let refreshToken: string;

  beforeAll(async () => {
    database = await postgres();
    url = await newDatabase(database);
    replicas = new Replicas({ DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT: `${STATEMENT_TIMEOUT_SECONDS}` });
    replica = await replicas.start();
    token = await replica.signIn();
    const login = { username: 'admin', password: ADMIN_PASSWORD };
    ({ token: unused, refreshToken } = (await replica.call('POST', '/api/login', login)).body);
  }, 60_000);

  afterAll(async () => {
    await replicas?.endAll();
    await database?.stop();
  });

  let names = 0;
  const write = (): Promise<Answer> =>
    replica.call('POST', '/api/servers', { name: `server-${++names}` }, { token, timeoutMs: 60_000 });
  const read = (): Promise<Answer> =>
    replica.call('GET', `/api/servers?q=${++names}`, undefined, { token, timeoutMs: 60_000 });

  /** Every kind of request, so that none waits for another. */
  function everyKind(): Promise<Answer[]> {
    const login = { username: 'admin', password: ADMIN_PASSWORD };
    return Promise.all([
      read(),
      write(),
      replica.call('GET', '/api/me', undefined, { token: unused, timeoutMs: 60_000 }),
      replica.call('POST', '/api/login', login, { timeoutMs: 60_000 }),
      replica.call('POST', '/api/token/refresh', { refreshToken }, { timeoutMs: 60_000 }),
      replica.call('GET', '/api/audit', undefined, { token, timeoutMs: 60_000 }),
      replica.call(
        'POST',
        '/api/servers',
        { name: `key-${++names}` },
        { token, timeoutMs: 60_000, headers: { 'idempotency-key': `k${names}` } },
      ),
    ]);
  }

  const recovers = (): Promise<number> =>
    until(
      'everything works again',
      async () => {
        const answers = [await read(), await write(), await replica.call('GET', '/health/ready')];
        return answers.every(({ status }) => status < 300);
      },
      20_000,
    );

  it('answers 503 soon while PostgreSQL is stopped, says so in its readiness, and recovers by itself', async () => {
    expect((await read()).status).toBe(200);
    await database.halt();
    for (let round = 0; round < 3; round++) {
      for (const answer of await everyKind()) {
        expect(answer.body).toMatchObject({ status: 503, code: 'database_unavailable' });
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        expect(answer.ms).toBeLessThan(GONE_MS);
      }
      await pause(1_500);
    }
    const ready = await replica.call('GET', '/health/ready');
    expect([ready.status, ready.body.details.database.status]).toEqual([503, 'down']);
    expect(ready.ms).toBeLessThan(GONE_MS);
    expect((await replica.call('GET', '/health/live')).status).toBe(200);
    expect((await replica.call('GET', '/metrics')).status).toBe(200);
    await database.start();
    console.log(`recovered ${Math.round(await recovers())} ms after PostgreSQL was back`);
    expect(replica.ended()).toBeNull();
  }, 90_000);

  it('answers in bounded time while PostgreSQL is frozen', async () => {
    const load = new Load(20, (lane) => (lane % 2 ? read() : write()));
    await pause(500);
    database.freeze();
    await pause(300);
    const answers = await everyKind();
    const ready = await replica.call('GET', '/health/ready');
    const live = await replica.call('GET', '/health/live');
    await pause(3_000);
    database.thaw();
    await load.stop();
    console.log(
      `frozen: ${JSON.stringify(load.statuses())}, slowest ${Math.round(load.slowestMs())} ms; every kind ${answers.map(({ ms }) => Math.round(ms)).join()} ms`,
    );
    for (const answer of answers) expect(answer.body).toMatchObject({ status: 503, code: 'database_unavailable' });
    expect([ready.status, live.status]).toEqual([503, 200]);
    expect(ready.ms).toBeLessThan(GONE_MS);
    for (const { status, text } of load.answers)
      if (status >= 300) expect([status, JSON.parse(text).code]).toEqual([503, 'database_unavailable']);
    // a statement, and what must be undone after it
    expect(load.slowestMs()).toBeLessThan(2 * (STATEMENT_TIMEOUT_SECONDS + 1) * 1000 + GONE_MS);
    console.log(`recovered ${Math.round(await recovers())} ms after PostgreSQL went on`);
    expect(replica.ended()).toBeNull();
  }, 90_000);

  it('fails only requests in flight when PostgreSQL is restarted under load', async () => {
    const load = new Load(10, (lane) => (lane % 2 ? read() : write()));
    await pause(1_000);
    const before = performance.now();
    await database.restart();
    const tookMs = performance.now() - before;
    await pause(3_000);
    await load.stop();
    const failed = load.answers.filter(({ status }) => status >= 300 || status === 0);
    console.log(
      `restarted in ${Math.round(tookMs)} ms: ${JSON.stringify(load.statuses())}, slowest ${Math.round(load.slowestMs())} ms`,
    );
    for (const { status, text } of failed)
      expect([status, JSON.parse(text).code]).toEqual([503, 'database_unavailable']);
    const lastFailure = Math.max(...failed.map(({ at }) => at));
    expect(lastFailure - before).toBeLessThan(tookMs + 2_000);
    const verified = await replica.call('GET', '/api/audit/verify', undefined, { token });
    expect(verified.body).toMatchObject({ valid: true, firstInvalid: null });
    expect(replica.ended()).toBeNull();
  }, 90_000);

  it('takes no key for ever: creates that failed in a restart can be sent again', async () => {
    const create = (name: string): Promise<Answer> =>
      replica.call(
        'POST',
        '/api/servers',
        { name },
        { token, headers: { 'idempotency-key': name }, timeoutMs: 60_000 },
      );
    const failed: string[] = [];
    const load = new Load(10, async (lane, turn) => {
      const answer = await create(`keyed-${lane}-${turn}`);
      if (answer.status !== 201) failed.push(`keyed-${lane}-${turn}`);
      return answer;
    });
    await pause(500);
    await database.restart();
    await pause(500);
    database.freeze();
    await pause(4_000);
    database.thaw();
    await recovers();
    await load.stop();
    expect(failed.length).toBeGreaterThan(0);
    const isSettled = async (): Promise<boolean> => {
      for (const name of failed.slice(0, 50)) {
        const { status, body } = await create(name);
        if (status === 201) continue;
        // it was created, and only the answer was lost
        if (status === 409 && body.errors?.[0]?.pointer === '/name') continue;
        return false;
      }
      return true;
    };
    await until('every key is free or answers', isSettled, 15_000);
  }, 90_000);

  it('frees a key whose claim was carried out after its request had failed', async () => {
    const create = (): Promise<Answer> =>
      replica.call('POST', '/api/servers', { name: 'late claim' }, { token, headers: { 'idempotency-key': 'late' } });
    await recovers();
    const warm = await create();
    expect(warm.status).toBe(201);
    await sql(url, `DELETE FROM idempotency_keys; DELETE FROM servers WHERE name = 'late claim'`);
    database.freeze();
    const first = await create();
    expect([first.status, first.body.code]).toEqual([503, 'database_unavailable']);
    database.thaw();
    await recovers();
    await until('the key is free', async () => (await create()).status === 201, 15_000);
  }, 90_000);
});
