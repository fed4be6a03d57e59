import { type Answer, newDatabase, type Replica, Replicas } from './replicas.js';
import { postgres, type PostgresService, redis, type Service } from './services.js';

/** A minute for one caller; five times as much for an address, and 10 sign-ins. */
const RATE = 12;
const PASSWORD = 'a long enough password';

describe('rate limits over two processes with one Redis', () => {
  let database: PostgresService;
  let cache: Service;
  let replicas: Replicas;
  let url: string;

  beforeAll(async () => {
    [database, cache] = await Promise.all([postgres(), redis()]);
    url = await newDatabase(database);
    replicas = new Replicas({ DATABASE_URL: url, REDIS_URL: cache.url, RATE_LIMIT: `${RATE}` });
  }, 60_000);

  beforeEach(async () => {
    // fresh windows
    await cache.restart();
  });

  afterEach(() => replicas.endAll());

  afterAll(async () => {
    await Promise.all([database?.stop(), cache?.stop()]);
  });

  const start = (environment: Record<string, string> = {}): Promise<[Replica, Replica]> =>
    Promise.all([replicas.start(environment), replicas.start(environment)]);

  const number = ({ headers }: Answer, name: string): number => Number(headers[name]);

  it('count the requests of one caller together, and say so in headers', async () => {
    const pair = await start();
    const token = await pair[0].signIn();
    const answers: Answer[] = [];
    for (let i = 0; i < RATE + 3; i++) answers.push(await pair[i % 2]!.call('GET', '/api/me', undefined, { token }));
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(RATE).fill(200), 429, 429, 429]);
    answers.forEach((answer, index) => {
      expect(answer.headers['ratelimit-limit']).toBe(`${RATE}`);
      expect(answer.headers['ratelimit-policy']).toBe(`${RATE};w=60`);
      expect(number(answer, 'ratelimit-remaining')).toBe(Math.max(0, RATE - 1 - index));
      expect(number(answer, 'ratelimit-reset')).toBeGreaterThan(50);
      expect(number(answer, 'ratelimit-reset')).toBeLessThanOrEqual(60);
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
    });
    const refused = answers.at(-1)!;
    expect(refused.body).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers['retry-after']).toBe(refused.headers['ratelimit-reset']);
    expect(answers[0]!.headers['retry-after']).toBeUndefined();
    // probes are never refused
    expect((await pair[0].call('GET', '/health/ready')).status).toBe(200);
    const counted = await Promise.all(pair.map((replica) => replica.call('GET', '/metrics')));
    const refusals = counted.map(({ text }) =>
      Number(/einfra_rate_limit_refusals_total\{limit="caller"\} (\d+)/.exec(text)?.[1] ?? 0),
    );
    expect(refusals.reduce((sum, count) => sum + count)).toBe(3);
  });

  it('are exact when requests come all at once', async () => {
    const pair = await start();
    const token = await pair[0].signIn();
    const answers = await Promise.all(
      Array.from({ length: 3 * RATE }, (_, index) => pair[index % 2]!.call('GET', '/api/me', undefined, { token })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(RATE);
  });

  it('of one caller leave another alone, at the same address', async () => {
    const [a, b] = await start();
    const admin = await a.signIn();
    const user = { username: 'calm', password: PASSWORD, mustChangePassword: false };
    expect((await a.call('POST', '/api/users', user, { token: admin })).status).toBe(201);
    const calm = await b.signIn('calm', PASSWORD);
    for (let i = 0; i < RATE; i++) await a.call('GET', '/api/me', undefined, { token: admin });
    expect((await b.call('GET', '/api/me', undefined, { token: admin })).status).toBe(429);
    expect((await b.call('GET', '/api/me', undefined, { token: calm })).status).toBe(200);
  });

  const attempt = (replica: Replica, forwarded?: string): Promise<Answer> =>
    replica.call(
      'POST',
      '/api/login',
      { username: `nobody-${Math.random()}`, password: PASSWORD },
      { headers: forwarded ? { 'x-forwarded-for': forwarded } : {} },
    );

  it('don’t believe X-Forwarded-For when there is no proxy', async () => {
    const pair = await start();
    for (let i = 0; i < 10; i++) expect((await attempt(pair[i % 2]!, `203.0.113.${i}`)).status).toBe(401);
    expect((await attempt(pair[0], '203.0.113.99')).status).toBe(429);
  });

  it('believe the one trusted proxy, and nothing that stands before what it wrote', async () => {
    const pair = await start({ TRUSTED_PROXIES: '1' });
    // the caller invents addresses; the proxy adds the true one at the end
    for (let i = 0; i < 10; i++) {
      const answer = await attempt(pair[i % 2]!, `203.0.113.${i}, 198.51.100.7`);
      expect([answer.status, number(answer, 'ratelimit-remaining')]).toEqual([401, 9 - i]);
    }
    expect((await attempt(pair[0], '203.0.113.99, 198.51.100.7')).status).toBe(429);
    expect((await attempt(pair[1], '198.51.100.8')).status).toBe(401);
  });

  it('take a whole IPv6 network for one address: a single caller has all of it', async () => {
    const pair = await start({ TRUSTED_PROXIES: '1' });
    for (let i = 0; i < 10; i++) expect((await attempt(pair[i % 2]!, `2001:db8:1:2::${i}`)).status).toBe(401);
    expect((await attempt(pair[0], '2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await attempt(pair[0], '2001:db8:1:3::1')).status).toBe(401);
  });

  it('go on in each process alone while Redis is away', async () => {
    const pair = await start();
    const token = await pair[0].signIn();
    await cache.halt('SIGKILL');
    const answers: Answer[] = [];
    for (let i = 0; i < 2 * RATE + 4; i++)
      answers.push(await pair[i % 2]!.call('GET', '/api/me', undefined, { token }));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2 * RATE);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(4);
    await cache.start();
  });
});
