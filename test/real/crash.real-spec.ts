import { type Answer, newDatabase, newKey, type Replica, Replicas, sql, until } from './replicas.js';
import { postgres, type PostgresService, redis, type Service } from './services.js';

const KILL_ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
const EX_CONFIG = 78;

describe('processes on one PostgreSQL', () => {
  let database: PostgresService;
  let cache: Service;
  let url: string;
  let replicas: Replicas;

  beforeAll(async () => {
    [database, cache] = await Promise.all([postgres(), redis()]);
  }, 60_000);

  beforeEach(async () => {
    url = await newDatabase(database);
    replicas = new Replicas({ DATABASE_URL: url, REDIS_URL: cache.url });
  });

  afterEach(() => replicas.endAll());
  afterAll(() => Promise.all([database?.stop(), cache?.stop()]));

  it('lose nothing that was answered when one is killed in the middle of writes, and the chain verifies', async () => {
    const survivor = await replicas.start();
    const token = await survivor.signIn();
    const answered: string[] = [];
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const victim = await replicas.start();
      const writer = async (replica: Replica, lane: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const name = `server-${round}-${lane}-${i}`;
          const answer = await replica.call('POST', '/api/servers', { name }, { token }).catch(() => null);
          if (answer?.status === 201) answered.push(name);
          if (answer === null || victim.ended() !== null) return;
        }
      };
      const writers = [victim, victim, victim, victim, survivor].map(writer);
      // killed while others are under way, at another place in each round
      const enough = answered.length + 8 + (round % 7) * 5;
      await until('writes were answered', () => Promise.resolve(answered.length >= enough), 30_000);
      await victim.end('SIGKILL');
      await Promise.all(writers);
    }
    const kept = new Set((await sql<{ name: string }>(url, 'SELECT name FROM servers')).map(({ name }) => name));
    console.log(`${KILL_ROUNDS} kills: ${answered.length} creates answered, ${kept.size} kept`);
    expect(answered.length).toBeGreaterThan(KILL_ROUNDS * 5);
    expect(answered.filter((name) => !kept.has(name))).toEqual([]);
    const verified = await survivor.call('GET', '/api/audit/verify', undefined, { token, timeoutMs: 60_000 });
    expect(verified.body).toMatchObject({ valid: true, firstInvalid: null });
    // what was cut off has an entry without outcome, not none
    const recorded = await sql<{ count: string }>(
      url,
      `SELECT count(DISTINCT action_id) FROM audit_entries WHERE action = 'server.create'`,
    );
    expect(Number(recorded[0]!.count)).toBeGreaterThanOrEqual(kept.size);
  }, 300_000);

  it('share Idempotency-Keys: the retry may reach another process, and the one that died frees its own', async () => {
    const [a, b] = await Promise.all([replicas.start(), replicas.start()]);
    const token = await a.signIn();
    const create = (replica: Replica, name: string): Promise<Answer> =>
      replica.call('POST', '/api/servers', { name }, { token, headers: { 'idempotency-key': 'one-key' } });
    const first = await create(a, 'shared');
    const again = await create(b, 'shared');
    expect([again.status, again.text, again.headers['location']]).toEqual([201, first.text, first.headers['location']]);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect((await create(b, 'other body')).status).toBe(409);
    const race = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 ? a : b).call(
          'POST',
          '/api/servers',
          { name: 'raced' },
          { token, headers: { 'idempotency-key': 'race' } },
        ),
      ),
    );
    expect(race.filter(({ status, headers }) => status === 201 && !headers['idempotency-replayed'])).toHaveLength(1);
    expect(race.map(({ status }) => status).filter((status) => status !== 201 && status !== 409)).toEqual([]);
    // as a process leaves it that dies in the middle
    await sql(url, `UPDATE idempotency_keys SET status = NULL, instance_id = gen_random_uuid() WHERE key = 'one-key'`);
    expect((await create(b, 'after a crash')).status).toBe(201);
  });

  it('keep working while ENCRYPTION_KEYS is rotated, and refuse to start without the right one', async () => {
    const [old, fresh] = [newKey('k1'), newKey('k2')];
    const before = await replicas.start({ ENCRYPTION_KEYS: old });
    const token = await before.signIn();
    expect((await before.call('POST', '/api/servers', { name: 'kept' }, { token })).status).toBe(201);
    await before.end('SIGTERM');
    const both = await replicas.start({ ENCRYPTION_KEYS: `${fresh},${old}` });
    const rotated = await replicas.run('rotate-keys.js', { ENCRYPTION_KEYS: `${fresh},${old}` });
    expect(rotated).toMatchObject({ code: 0, output: expect.stringContaining('k2') });
    // again, to no effect
    expect((await replicas.run('rotate-keys.js', { ENCRYPTION_KEYS: `${fresh},${old}` })).code).toBe(0);
    for (const value of await sql<{ sealed_secret: string }>(url, 'SELECT sealed_secret FROM secret_keys'))
      expect(value.sealed_secret).toMatch(/^v1\.k2\./);
    const after = await replicas.start({ ENCRYPTION_KEYS: fresh });
    const newToken = await after.signIn();
    for (const replica of [both, after]) {
      for (const valid of [token, newToken])
        expect((await replica.call('GET', '/api/me', undefined, { token: valid })).status).toBe(200);
      expect((await replica.call('POST', '/api/teams', { name: `team of ${replica.address}` }, { token })).status).toBe(
        201,
      );
      expect((await replica.call('GET', '/api/audit/verify', undefined, { token })).body.valid).toBe(true);
    }
    expect((await after.call('GET', '/api/me', undefined, { token: await both.signIn() })).status).toBe(200);
    for (const wrong of [old, newKey('k2'), `${newKey('k3')},${newKey('k2')}`, '']) {
      const refused = await replicas.start({ ENCRYPTION_KEYS: wrong });
      expect([wrong.length, refused.address, refused.ended()]).toEqual([wrong.length, '', EX_CONFIG]);
      expect(refused.output()).toMatch(/“k2”/);
      expect(refused.output()).not.toMatch(/\n\s+at /);
      expect((await replicas.run('rotate-keys.js', { ENCRYPTION_KEYS: wrong })).code).toBe(EX_CONFIG);
    }
    const missing = await replicas.start({ ENCRYPTION_KEYS: '', NODE_ENV: 'production' });
    expect([missing.address, missing.ended()]).toEqual(['', EX_CONFIG]);
  }, 120_000);
});
