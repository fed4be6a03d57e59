import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { type Answer, startApp, type TestApp } from '../harness.js';
import { postgres, type PostgresService } from './services.js';

const PASSWORD = 'the password of somebody';

describe('sign-in on two replicas with one PostgreSQL', () => {
  let service: PostgresService;
  let replicas: [TestApp, TestApp];
  let counter = 0;

  beforeAll(async () => {
    service = await postgres();
    const environment = { DATABASE_URL: service.url, ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` };
    replicas = await Promise.all([startApp(environment), startApp(environment)]);
  }, 60_000);

  afterAll(async () => {
    for (const replica of replicas) await replica.close();
    await service.stop();
  });

  async function makeUser(): Promise<{ id: string; username: string }> {
    const username = `person-${++counter}`;
    const made = await replicas[0].post('/api/users', { username, password: PASSWORD });
    return { id: made.body.id as string, username };
  }

  async function login(replica: TestApp, username: string, password: string, remoteAddress: string): Promise<Answer> {
    const payload = { username, password };
    const response = await replica.app.inject({ method: 'POST', url: '/api/login', payload, remoteAddress });
    return { status: response.statusCode, headers: response.headers, body: response.json(), text: response.body };
  }

  const refresh = (replica: TestApp, refreshToken: string): Promise<Answer> =>
    replica.post('/api/token/refresh', { refreshToken }, { token: null });
  const me = async (replica: TestApp, token: string): Promise<number> =>
    (await replica.get('/api/me', { token })).status;

  it('makes one administrator, whichever starts first, whose tokens count on both', async () => {
    const rows = await replicas[0].app
      .get(DataSource)
      .query('SELECT u.username FROM users u JOIN grants g ON g.user_id = u.id');
    expect(rows).toEqual([{ username: 'admin' }]);
    expect([await me(replicas[0], replicas[1].adminToken), await me(replicas[1], replicas[0].adminToken)]).toEqual([
      200, 200,
    ]);
  });

  it('keeps one family of refresh tokens, however many refresh at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { username } = await makeUser();
      const { refreshToken, token } = (await login(replicas[0], username, PASSWORD, `192.0.2.${counter}`)).body;
      const first = await Promise.all([0, 1, 0, 1].map((index) => refresh(replicas[index as 0 | 1], refreshToken)));
      expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const next = await Promise.all(
        first.map(({ body }, index) => refresh(replicas[(index % 2) as 0 | 1], body.refreshToken)),
      );
      expect(next.filter(({ status }) => status === 200)).toHaveLength(1);
      const live =
        'SELECT count(*)::int AS count FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.username = $1 AND s.revoked_at IS NULL';
      expect(await replicas[0].app.get(DataSource).query(live, [username])).toEqual([{ count: 0 }]);
      expect(token).not.toBe('');
    }
  });

  it('counts failures together, also when they come all at once', async () => {
    const { username } = await makeUser();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        login(replicas[(index % 2) as 0 | 1], username, 'not the password', '198.51.100.9'),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    // five are free; those that were being verified when the lock fell came through as well
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(13);
    for (const replica of replicas) expect((await login(replica, username, PASSWORD, '198.51.100.9')).status).toBe(429);
  });

  it('ends sessions, users and rights on the other replica within five seconds', async () => {
    const { id, username } = await makeUser();
    const { token } = (await login(replicas[1], username, PASSWORD, '192.0.2.200')).body;
    const granted = await replicas[0].post('/api/grants', {
      subject: { type: 'user', id },
      role: 'auditor',
      scope: { type: 'all' },
    });
    const users = async (): Promise<number> => (await replicas[1].get('/api/users', { token })).status;
    const within5s = async (status: number): Promise<void> => {
      const started = performance.now();
      while ((await users()) !== status && performance.now() - started < 8_000)
        await new Promise((resolve) => setTimeout(resolve, 100));
      expect([await users(), performance.now() - started < 5_000]).toEqual([status, true]);
    };
    await within5s(200);
    await replicas[0].delete(`/api/grants/${granted.body.id}`);
    await within5s(403);
    await replicas[0].patch(`/api/users/${id}`, { disabled: true });
    await within5s(401);
  }, 60_000);
});
