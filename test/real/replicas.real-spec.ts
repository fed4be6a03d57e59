import { newDatabase, type Replica, Replicas, sql, until } from './replicas.js';
import { postgres, type PostgresService, redis, type Service } from './services.js';

const PASSWORD = 'a long enough password';
/** How soon a right that was taken must be gone everywhere. */
const NOTICED_MS = 5_000;

describe('two processes with one PostgreSQL and one Redis', () => {
  let database: PostgresService;
  let cache: Service;
  let url: string;
  let replicas: Replicas;
  let a: Replica;
  let b: Replica;
  let admin: string;

  beforeAll(async () => {
    [database, cache] = await Promise.all([postgres(), redis()]);
    url = await newDatabase(database);
    replicas = new Replicas({ DATABASE_URL: url, REDIS_URL: cache.url });
    [a, b] = await Promise.all([replicas.start(), replicas.start()]);
    admin = await a.signIn();
  }, 120_000);

  afterAll(async () => {
    await replicas?.endAll();
    await Promise.all([database?.stop(), cache?.stop()]);
  });

  const grantBody = (userId: string, role: string): object => ({
    subject: { type: 'user', id: userId },
    role,
    scope: { type: 'all' },
  });

  /** A user with a grant who is known to both processes: their rights are in both caches. */
  async function knownUser(username: string): Promise<{ id: string; grantId: string; token: string }> {
    const made = await a.call(
      'POST',
      '/api/users',
      { username, password: PASSWORD, mustChangePassword: false },
      { token: admin },
    );
    const id = made.body.id as string;
    const granted = await a.call('POST', '/api/grants', grantBody(id, 'operator'), { token: admin });
    const token = await a.signIn(username, PASSWORD);
    for (const replica of [a, b])
      expect((await replica.call('GET', '/api/servers', undefined, { token })).status).toBe(200);
    return { id, grantId: granted.body.id as string, token };
  }

  const statusOnB = async (token: string, path = '/api/servers'): Promise<number> =>
    (await b.call('GET', path, undefined, { token })).status;

  it('both start on an empty database: it is migrated once, and has one administrator', async () => {
    for (const replica of [a, b]) {
      expect(replica.ended()).toBeNull();
      expect((await replica.call('GET', '/health/ready')).body.status).toBe('ok');
    }
    const migrations = await sql<{ name: string }>(url, 'SELECT name FROM migrations');
    expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length);
    expect(await sql(url, 'SELECT username FROM users')).toEqual([{ username: 'admin' }]);
    const purposes = (await sql<{ purpose: string }>(url, 'SELECT purpose FROM secret_keys')).map(
      ({ purpose }) => purpose,
    );
    expect(purposes).toEqual(expect.arrayContaining(['audit', 'jwt']));
    expect(new Set(purposes).size).toBe(purposes.length);
  });

  it.each([
    [
      'a revoked session',
      async ({ token }: { token: string }) => {
        expect((await a.call('POST', '/api/logout', undefined, { token })).status).toBe(204);
      },
      401,
    ],
    [
      'a disabled user',
      async ({ id }: { id: string }) => {
        expect((await a.call('PATCH', `/api/users/${id}`, { disabled: true }, { token: admin })).status).toBe(200);
      },
      401,
    ],
    [
      'a password that was reset',
      async ({ id }: { id: string }) => {
        const password = 'another long password';
        expect((await a.call('PATCH', `/api/users/${id}`, { password }, { token: admin })).status).toBe(200);
      },
      401,
    ],
    [
      'a grant that was taken back',
      async ({ grantId }: { grantId: string }) => {
        expect((await a.call('DELETE', `/api/grants/${grantId}`, undefined, { token: admin })).status).toBe(204);
      },
      403,
    ],
  ] as const)('%s holds on the other process within 5 s', async (what, change, status) => {
    const user = await knownUser(what.replaceAll(' ', '-'));
    await change(user);
    const noticed = await until(what, async () => (await statusOnB(user.token)) === status, NOTICED_MS);
    console.log(`${what}: noticed by the other process after ${Math.round(noticed)} ms`);
    expect(await statusOnB(user.token)).toBe(status);
  });

  it('a role that was replaced by a smaller one holds on the other process within 5 s', async () => {
    const { id, grantId, token } = await knownUser('replaced');
    const write = (): Promise<number> =>
      b.call('POST', '/api/servers', { name: `by-replaced-${Math.random()}` }, { token }).then(({ status }) => status);
    expect(await write()).toBe(201);
    expect((await a.call('DELETE', `/api/grants/${grantId}`, undefined, { token: admin })).status).toBe(204);
    expect((await a.call('POST', '/api/grants', grantBody(id, 'viewer'), { token: admin })).status).toBe(201);
    await until('the smaller role', async () => (await write()) === 403, NOTICED_MS);
    expect(await statusOnB(token)).toBe(200);
  });

  it('what one writes the other reads at once', async () => {
    const read = async (path: string, token = admin): Promise<any> =>
      (await b.call('GET', path, undefined, { token })).body;
    const made = (await a.call('POST', '/api/servers', { name: 'cached', environment: 'lab' }, { token: admin })).body;
    for (let round = 1; round <= 20; round++) {
      const description = `round ${round}`;
      // in both caches of the other process before each change
      await read(`/api/servers/${made.id}`);
      await read('/api/servers?q=cached');
      const changed = await a.call('PATCH', `/api/servers/${made.id}`, { description }, { token: admin });
      expect(changed.status).toBe(200);
      const one = await b.call('GET', `/api/servers/${made.id}`, undefined, { token: admin });
      expect(one.body).toEqual(changed.body);
      expect(one.headers['etag']).toBe(changed.headers['etag']);
      const list = await b.call('GET', '/api/servers?q=cached', undefined, { token: admin });
      expect(list.body.items).toEqual([changed.body]);
      expect(list.headers['link']).toContain('rel="last"');
    }
    expect((await a.call('DELETE', `/api/servers/${made.id}`, undefined, { token: admin })).status).toBe(204);
    expect((await read('/api/servers?q=cached')).total).toBe(0);
    expect(await statusOnB(admin, `/api/servers/${made.id}`)).toBe(404);
  });

  it('both append to one audit log, which verifies from either', async () => {
    const before = (await a.call('GET', '/api/audit/verify', undefined, { token: admin })).body.entries as number;
    const lane = async (replica: Replica, number: number): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        const name = `audit-${replica === a ? 'a' : 'b'}-${number}-${i}`;
        expect((await replica.call('POST', '/api/servers', { name }, { token: admin })).status).toBe(201);
      }
    };
    const started = performance.now();
    await Promise.all([a, b].flatMap((replica) => Array.from({ length: 10 }, (_, number) => lane(replica, number))));
    const seconds = (performance.now() - started) / 1000;
    console.log(`2,000 audited creates over two processes: ${Math.round(2000 / seconds)} a second`);
    for (const replica of [a, b]) {
      const verified = (await replica.call('GET', '/api/audit/verify', undefined, { token: admin, timeoutMs: 30_000 }))
        .body;
      expect(verified).toMatchObject({ valid: true, firstInvalid: null });
      // intent and outcome of each
      expect(verified.entries).toBe(before + 4_000);
    }
    const [{ gaps }] = await sql(url, 'SELECT max(seq) - count(*) AS gaps FROM audit_entries');
    expect(Number(gaps)).toBe(0);
  }, 120_000);
});
