import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { DataSource } from 'typeorm';
import { AdminBootstrap, AdminPasswordReset } from '#auth';
import { KeyStore, loadConfig } from '#core';
import { createApp } from '../apps/api/src/app.js';
import { type Answer, startApp, type TestApp } from './harness.js';

const PASSWORD = 'the password of somebody';
const WRONG = 'not the password at all';

describe('sign-in', () => {
  let app: TestApp;
  let database: DataSource;
  let counter = 0;

  beforeAll(async () => {
    app = await startApp();
    database = app.app.get(DataSource);
  });

  afterAll(() => app.close());

  /** An address that nothing has come from. */
  const elsewhere = (): string => `198.51.${Math.floor(++counter / 250)}.${(counter % 250) + 1}`;

  async function makeUser(body: object = {}): Promise<{ id: string; username: string }> {
    const made = await app.post('/api/users', { username: `person-${++counter}`, password: PASSWORD, ...body });
    expect(made.status).toBe(201);
    return { id: made.body.id as string, username: made.body.username as string };
  }

  /** Signs in from an address of its own, so that the failures of one test don't lock out the next. */
  async function login(username: string, password = PASSWORD, address = elsewhere(), headers = {}): Promise<Answer> {
    const payload = { username, password };
    const response = await app.app.inject({
      method: 'POST',
      url: '/api/login',
      payload,
      remoteAddress: address,
      headers,
    });
    return { status: response.statusCode, headers: response.headers, body: response.json(), text: response.body };
  }

  function refresh(refreshToken: string): Promise<Answer> {
    return app.post('/api/token/refresh', { refreshToken }, { token: null });
  }

  const me = async (token: string): Promise<number> => (await app.get('/api/me', { token })).status;

  async function signedIn(
    body?: object,
  ): Promise<{ id: string; username: string; token: string; refreshToken: string }> {
    const user = await makeUser(body);
    const answer = await login(user.username);
    expect(answer.status).toBe(200);
    return { ...user, token: answer.body.token as string, refreshToken: answer.body.refreshToken as string };
  }

  async function grant(id: string, role: string): Promise<string> {
    const made = await app.post('/api/grants', { subject: { type: 'user', id }, role, scope: { type: 'all' } });
    return made.body.id as string;
  }

  describe('with a password', () => {
    it('answers tokens, whatever the case of the name, and says who signed in', async () => {
      const { username, id } = await makeUser();
      const answer = await login(username.toUpperCase());
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body).sort()).toEqual(['expiresIn', 'mustChangePassword', 'refreshToken', 'token']);
      expect([answer.body.expiresIn, answer.headers['cache-control']]).toEqual([900, 'no-store']);
      const who = await app.get('/api/me', { token: answer.body.token });
      expect(who.body).toMatchObject({ id, username, signedInWith: { type: 'session' }, rights: [], tokenScope: null });
      expect(who.body.lastSignInAt).not.toBeNull();
    });

    it('answers the same for a wrong password, an unknown and a disabled user', async () => {
      const known = await makeUser();
      const disabled = await makeUser();
      await app.patch(`/api/users/${disabled.id}`, { disabled: true });
      const answers = [
        await login(known.username, WRONG),
        await login('nobody-of-that-name', WRONG),
        await login(disabled.username),
      ];
      for (const { status, body } of answers) {
        expect(status).toBe(401);
        expect({ ...body, requestId: '' }).toEqual({ ...answers[0]?.body, requestId: '' });
        expect(body).toMatchObject({ code: 'unauthenticated', detail: 'User name or password is wrong.' });
      }
    });

    it('takes as long for a user that does not exist', async () => {
      const { username } = await makeUser();
      const time = async (name: string): Promise<number> => {
        const times: number[] = [];
        for (let round = 0; round < 5; round++) {
          const started = performance.now();
          await login(name, WRONG);
          times.push(performance.now() - started);
        }
        return Math.min(...times);
      };
      const known = await time(username);
      const unknown = await time('nobody-at-all');
      expect(unknown).toBeGreaterThan(known / 2);
      expect(unknown).toBeLessThan(known * 2);
    });

    it('refuses what can be no credentials before it hashes anything', async () => {
      expect((await login('admin', 'x'.repeat(257))).status).toBe(400);
      expect((await login('')).status).toBe(400);
      expect((await app.post('/api/login', { username: ['admin'], password: {} }, { token: null })).status).toBe(400);
      expect((await app.post('/api/login', [], { token: null })).status).toBe(400);
    });

    it('ignores credentials in the header, which have nothing to do with it', async () => {
      const { username } = await makeUser();
      const headers = { authorization: 'Bearer nonsense' };
      expect((await login(username, PASSWORD, elsewhere(), headers)).status).toBe(200);
      expect((await app.get('/api/me', { token: null, headers })).status).toBe(401);
    });

    it('is recorded under the session, and hides tokens and passwords', async () => {
      const { username, id, token, refreshToken } = await signedIn();
      await refresh(refreshToken);
      const entries = await app.get(`/api/audit?actor=${id}`);
      expect(entries.body.items.map(({ action, outcome }: Record<string, string>) => [action, outcome])).toEqual([
        ['session.refresh', 'succeeded'],
        ['session.create', 'succeeded'],
      ]);
      expect(entries.body.items[1].resource).toMatchObject({ type: 'session', name: username });
      for (const secret of [token, refreshToken, PASSWORD]) expect(entries.text).not.toContain(secret);
    });
  });

  describe('access tokens', () => {
    /** A token made by hand, genuine unless something is changed. */
    function forge(
      owner: { sub: string; sid: string },
      changed: { claims?: object; options?: object; key?: KeyObject; kid?: string; bare?: boolean } = {},
    ): string {
      const { id, key } = app.app.get(KeyStore).current('jwt');
      return app.app
        .get(JwtService, { strict: false })
        .sign(
          changed.bare
            ? { typ: 'access', ...owner }
            : { typ: 'access', ...owner, exp: Math.floor(Date.now() / 1000) + 600, ...changed.claims },
          {
            privateKey: changed.key ?? key,
            keyid: changed.kid ?? id,
            algorithm: 'HS256',
            issuer: 'einfra',
            audience: 'einfra-api',
            ...changed.options,
          },
        );
    }

    async function owner(): Promise<{ sub: string; sid: string }> {
      const { id, token } = await signedIn();
      return { sub: id, sid: (await app.get('/api/me', { token })).body.signedInWith.id as string };
    }

    it('carry a key id and no rights, and are refused when anything is not as it was issued', async () => {
      const one = await owner();
      const now = Math.floor(Date.now() / 1000);
      expect(await me(forge(one))).toBe(200);
      const forged: Record<string, string> = {
        expired: forge(one, { claims: { iat: now - 700, exp: now - 1 } }),
        'older than a token can be': forge(one, { claims: { iat: now - 901, exp: now + 600 } }),
        'without expiry': forge(one, { bare: true }),
        'for another audience': forge(one, { options: { audience: 'something-else' } }),
        'from another issuer': forge(one, { options: { issuer: 'somebody-else' } }),
        'of another type': forge(one, { claims: { typ: 'refresh' } }),
        'of no type': forge(one, { claims: { typ: undefined } }),
        'signed with another key': forge(one, { key: createSecretKey(randomBytes(32)) }),
        'naming an unknown key': forge(one, { kid: randomUUID() }),
        'naming a key for something else': forge(one, { kid: app.app.get(KeyStore).current('audit').id }),
        'of another algorithm': forge(one, { options: { algorithm: 'HS512' } }),
        'of another user': forge({ ...one, sub: (await owner()).sub }),
        'of no session': forge({ ...one, sid: randomUUID() }),
      };
      const [, payload] = forge(one).split('.');
      const none = Buffer.from(
        JSON.stringify({ alg: 'none', typ: 'JWT', kid: app.app.get(KeyStore).current('jwt').id }),
      );
      forged['unsigned'] = `${none.toString('base64url')}.${payload}.`;
      for (const [what, token] of Object.entries(forged)) expect([what, await me(token)]).toEqual([what, 401]);
    });

    it('hold nothing but who and which session', async () => {
      const { token } = await signedIn();
      const [header, payload] = token
        .split('.')
        .slice(0, 2)
        .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
      expect(header).toEqual({ alg: 'HS256', typ: 'JWT', kid: app.app.get(KeyStore).current('jwt').id });
      expect(Object.keys(payload).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'sid', 'sub', 'typ']);
      expect(payload.exp - payload.iat).toBe(900);
    });
  });

  describe('refreshing', () => {
    const age = (seconds: number): Promise<unknown> =>
      database.query('UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)', [seconds]);

    it('gives new tokens for the same session', async () => {
      const { token, refreshToken } = await signedIn();
      const next = await refresh(refreshToken);
      expect([next.status, next.body.expiresIn, next.body.mustChangePassword]).toEqual([200, 900, false]);
      expect(next.body.refreshToken).not.toBe(refreshToken);
      const ids = [];
      for (const each of [token, next.body.token])
        ids.push((await app.get('/api/me', { token: each })).body.signedInWith.id);
      expect(ids[0]).toBe(ids[1]);
      expect((await refresh(next.body.refreshToken)).status).toBe(200);
    });

    it('revokes the session when a used token comes back, and records it', async () => {
      const { id, token, refreshToken } = await signedIn();
      const next = await refresh(refreshToken);
      await age(11);
      expect((await refresh(refreshToken)).status).toBe(401);
      expect([await me(token), await me(next.body.token)]).toEqual([401, 401]);
      expect((await refresh(next.body.refreshToken)).status).toBe(401);
      const { items } = (await app.get(`/api/audit?action=session.refresh_reuse&actor=${id}`)).body;
      expect(items).toEqual([expect.objectContaining({ outcome: 'refused', status: 401 })]);
    });

    it('revokes it at once when somebody has gone on from the successor', async () => {
      const { token, refreshToken } = await signedIn();
      const next = await refresh(refreshToken);
      await refresh(next.body.refreshToken);
      expect((await refresh(refreshToken)).status).toBe(401);
      expect(await me(token)).toBe(401);
    });

    it('forgives a lost answer, and lets only one of the two go on', async () => {
      const { token, refreshToken } = await signedIn();
      const [lost, again] = [await refresh(refreshToken), await refresh(refreshToken)];
      expect([lost.status, again.status]).toEqual([200, 200]);
      expect((await refresh(again.body.refreshToken)).status).toBe(200);
      expect(await me(token)).toBe(200);
      expect((await refresh(lost.body.refreshToken)).status).toBe(401);
      expect(await me(token)).toBe(401);
    });

    it('does not split the family when two come at once', async () => {
      const { token, refreshToken } = await signedIn();
      const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      const next = await Promise.all(answers.map(({ body }) => refresh(body.refreshToken)));
      expect(next.map(({ status }) => status).sort()).toEqual([200, 401]);
      expect(await me(token)).toBe(401);
    });

    it('refuses invented tokens without harm to the session that they name', async () => {
      const { token, refreshToken } = await signedIn();
      const invented = `${refreshToken.slice(0, -4)}AAAA`;
      for (const text of [invented, token, 'er_', '', `er_${'0'.repeat(32)}_${'A'.repeat(43)}`]) {
        expect((await refresh(text)).status).toBe(401);
      }
      expect([await me(token), (await refresh(refreshToken)).status]).toEqual([200, 200]);
    });

    it('ends with the session: when it is old, idle or revoked, and with the user', async () => {
      const endings = {
        old: `UPDATE sessions SET expires_at = now() WHERE user_id = $1`,
        idle: `UPDATE sessions SET last_used_at = now() - interval '7 days 1 second' WHERE user_id = $1`,
        revoked: `UPDATE sessions SET revoked_at = now() WHERE user_id = $1`,
        disabled: `UPDATE users SET disabled = true WHERE id = $1`,
      };
      for (const [ending, statement] of Object.entries(endings)) {
        const { id, refreshToken } = await signedIn();
        await database.query(statement, [id]);
        expect([ending, (await refresh(refreshToken)).status]).toEqual([ending, 401]);
      }
    });
  });

  describe('sessions', () => {
    it('are listed, one’s own only, and end at once', async () => {
      const user = await signedIn();
      const other = (await login(user.username, PASSWORD, '203.0.113.7')).body;
      const list = await app.get('/api/sessions', { token: user.token });
      expect([list.body.total, list.body.items.map((item: { current: boolean }) => item.current)]).toEqual([
        2,
        [false, true],
      ]);
      expect(list.body.items[0]).toMatchObject({ address: '203.0.113.7' });
      expect(list.text).not.toContain('evoked');
      const stranger = await signedIn();
      const id = list.body.items[0].id as string;
      expect((await app.delete(`/api/sessions/${id}`, { token: stranger.token })).status).toBe(404);
      expect(await me(other.token)).toBe(200);
      expect((await app.delete(`/api/sessions/${id}`, { token: user.token })).status).toBe(204);
      expect([await me(other.token), (await refresh(other.refreshToken)).status]).toEqual([401, 401]);
      expect((await app.delete(`/api/sessions/${id}`, { token: user.token })).status).toBe(404);
      expect((await app.get('/api/sessions', { token: user.token })).body.total).toBe(1);
    });

    it('end all, or all others', async () => {
      const user = await signedIn();
      const second = (await login(user.username)).body.token as string;
      const third = (await login(user.username)).body.token as string;
      expect((await app.delete('/api/sessions?exceptCurrent=true', { token: user.token })).status).toBe(204);
      expect([await me(user.token), await me(second), await me(third)]).toEqual([200, 401, 401]);
      expect((await app.delete('/api/sessions', { token: user.token })).status).toBe(204);
      expect(await me(user.token)).toBe(401);
    });

    it('end by signing out', async () => {
      const { token, refreshToken } = await signedIn();
      expect((await app.post('/api/logout', undefined, { token })).status).toBe(204);
      expect([await me(token), (await refresh(refreshToken)).status]).toEqual([401, 401]);
    });

    it('notice within five seconds what another process has changed', async () => {
      const revoked = await signedIn();
      const disabled = await signedIn();
      const demoted = await signedIn();
      const grantId = await grant(demoted.id, 'auditor');
      const users = async (): Promise<number> => (await app.get('/api/users', { token: demoted.token })).status;
      expect([await me(revoked.token), await me(disabled.token), await users()]).toEqual([200, 200, 200]);
      // written past this process, as another one would
      await database.query('UPDATE sessions SET revoked_at = now() WHERE user_id = $1', [revoked.id]);
      await database.query('UPDATE users SET disabled = true WHERE id = $1', [disabled.id]);
      await database.query('DELETE FROM grants WHERE id = $1', [grantId]);
      const started = performance.now();
      const now = async (): Promise<number[]> => [await me(revoked.token), await me(disabled.token), await users()];
      let statuses = await now();
      while (statuses.join() !== '401,401,403' && performance.now() - started < 8_000) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        statuses = await now();
      }
      expect(statuses).toEqual([401, 401, 403]);
      expect(performance.now() - started).toBeLessThan(5_000);
    });
  });

  describe('changing one’s password', () => {
    const NEW = 'a password made up anew';
    const change = (token: string, body: object): Promise<Answer> => app.post('/api/me/password', body, { token });

    it('ends other sessions and keeps the one that asked', async () => {
      const user = await signedIn();
      const other = (await login(user.username)).body;
      expect((await change(user.token, { currentPassword: PASSWORD, newPassword: NEW })).status).toBe(204);
      expect([await me(user.token), await me(other.token), (await refresh(other.refreshToken)).status]).toEqual([
        200, 401, 401,
      ]);
      expect([(await login(user.username)).status, (await login(user.username, NEW)).status]).toEqual([401, 200]);
    });

    it('is all that is possible when it must be done', async () => {
      const { token } = await signedIn({ mustChangePassword: true });
      expect((await app.get('/api/me', { token })).body.mustChangePassword).toBe(true);
      expect((await app.get('/api/sessions', { token })).body.code).toBe('password_change_required');
      expect((await change(token, { currentPassword: PASSWORD, newPassword: NEW })).status).toBe(204);
      expect((await app.get('/api/sessions', { token })).status).toBe(200);
    });

    it('refuses a wrong current and an unfit new password', async () => {
      const { username, token } = await signedIn({ username: 'a-rather-long-name' });
      const pointer = async (currentPassword: string, newPassword: string): Promise<unknown> => {
        const { status, body } = await change(token, { currentPassword, newPassword });
        return [status, body.errors[0].pointer];
      };
      expect(await pointer(WRONG, NEW)).toEqual([400, '/currentPassword']);
      expect(await pointer(PASSWORD, 'too short')).toEqual([400, '/newPassword']);
      expect(await pointer(PASSWORD, 'x'.repeat(257))).toEqual([400, '/newPassword']);
      expect(await pointer(PASSWORD, PASSWORD)).toEqual([400, '/newPassword']);
      expect(await pointer(PASSWORD, username.toUpperCase())).toEqual([400, '/newPassword']);
      expect((await login(username)).status).toBe(200);
    });

    it('can’t be used to guess', async () => {
      const { token } = await signedIn();
      const statuses: number[] = [];
      for (let attempt = 0; attempt < 6; attempt++) {
        statuses.push((await change(token, { currentPassword: `${WRONG}${attempt}`, newPassword: NEW })).status);
      }
      expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
    });
  });

  describe('lock-out', () => {
    const passLocks = (): Promise<unknown> =>
      database.query('UPDATE sign_in_failures SET locked_until = now() WHERE locked_until > now()');

    async function fail(username: string, times: number, address?: string): Promise<number[]> {
      const statuses: number[] = [];
      for (let attempt = 0; attempt < times; attempt++) statuses.push((await login(username, WRONG, address)).status);
      return statuses;
    }

    it('begins after five failures, doubles, and is not made longer by trying', async () => {
      const { username } = await makeUser();
      const address = elsewhere();
      expect(await fail(username, 5, address)).toEqual([401, 401, 401, 401, 401]);
      const waits: number[] = [];
      for (let round = 0; round < 4; round++) {
        const locked = await login(username, PASSWORD, address);
        expect([locked.status, locked.body.code]).toEqual([429, 'rate_limited']);
        await fail(username, 2, address);
        waits.push(Number(locked.headers['retry-after']));
        await passLocks();
        expect(await fail(username, 1, address)).toEqual([401]);
      }
      expect(waits).toEqual([2, 4, 8, 16]);
      await passLocks();
      expect((await login(username, PASSWORD, address)).status).toBe(200);
      expect(await fail(username, 4, address)).toEqual([401, 401, 401, 401]);
    });

    it('never lasts longer than a quarter of an hour', async () => {
      const address = elsewhere();
      await fail('guessed-at-for-days', 1, address);
      await database.query(`UPDATE sign_in_failures SET failures = 1000 WHERE key LIKE '%guessed-at-for-days%'`);
      await fail('guessed-at-for-days', 1, address);
      expect(Number((await login('guessed-at-for-days', WRONG, address)).headers['retry-after'])).toBe(900);
    });

    it('is the same for a user that does not exist', async () => {
      const address = elsewhere();
      expect(await fail('no-such-person', 6, address)).toEqual([401, 401, 401, 401, 401, 429]);
    });

    it('keeps guessers from many addresses out, but not the owner where they have signed in before', async () => {
      const { username } = await makeUser();
      const home = elsewhere();
      expect((await login(username, PASSWORD, home)).status).toBe(200);
      expect(await fail(username, 10)).toEqual(Array(10).fill(401));
      const locked = await login(username);
      expect(locked.status).toBe(429);
      expect(Number(locked.headers['retry-after'])).toBeLessThanOrEqual(60);
      expect((await login(username, PASSWORD, home)).status).toBe(200);
    });

    it('keeps an address out that tries many names, but nobody else', async () => {
      const { username } = await makeUser();
      const address = elsewhere();
      for (let name = 0; name < 30; name++) expect(await fail(`${username}-${name}`, 1, address)).toEqual([401]);
      expect((await login(username, PASSWORD, address)).status).toBe(429);
      expect((await login(username)).status).toBe(200);
    });

    it('takes the addresses of one IPv6 network for one', async () => {
      const statuses: number[] = [];
      for (let host = 1; host <= 6; host++)
        statuses.push((await login('somebody-6', WRONG, `2001:db8:0:7::${host}`)).status);
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
    });

    it('forgets failures as time passes', async () => {
      const { username } = await makeUser();
      const address = elsewhere();
      await fail(username, 4, address);
      await database.query(
        `UPDATE sign_in_failures SET updated_at = now() - interval '3 hours 1 second' WHERE key LIKE $1`,
        [`%${username}%`],
      );
      expect(await fail(username, 4, address)).toEqual([401, 401, 401, 401]);
      expect((await login(username, PASSWORD, address)).status).toBe(429);
    });

    it('lets few guesses through that come all at once', async () => {
      const { username } = await makeUser();
      const address = elsewhere();
      const answers = await Promise.all(Array.from({ length: 30 }, () => login(username, WRONG, address)));
      const verified = answers.filter(({ status }) => status === 401).length;
      expect(verified).toBeGreaterThanOrEqual(5);
      expect(verified).toBeLessThanOrEqual(9);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(30 - verified);
    });
  });

  describe('API tokens', () => {
    const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

    function makeToken(token: string, body: object = {}): Promise<Answer> {
      return app.post(
        '/api/tokens',
        { name: `token-${++counter}`, permissions: ['users:read'], expiresAt: inAnHour(), ...body },
        { token },
      );
    }

    async function auditor(): Promise<{ id: string; username: string; token: string; grantId: string }> {
      const user = await signedIn();
      return { ...user, grantId: await grant(user.id, 'auditor') };
    }

    const users = async (token: string): Promise<number> => (await app.get('/api/users', { token })).status;

    it('are shown once, kept as a digest, and listed with their last use', async () => {
      const user = await auditor();
      const made = await makeToken(user.token, { name: 'report' });
      expect([made.status, made.headers['location']]).toEqual([201, `/api/tokens/${made.body.id}`]);
      expect(made.body).toMatchObject({
        name: 'report',
        permissions: ['users:read'],
        scope: { type: 'all' },
        lastUsedAt: null,
        expired: false,
      });
      const { token } = made.body;
      expect(token).toMatch(/^einfra_[0-9a-f]{32}_[\w-]{43}$/);
      expect(await users(token)).toBe(200);
      const [stored] = await database.query('SELECT * FROM api_tokens WHERE id = $1', [made.body.id]);
      expect(JSON.stringify(stored)).not.toContain(token.slice(-43));
      const one = await app.get(`/api/tokens/${made.body.id}`, { token: user.token });
      expect(one.body.lastUsedAt).not.toBeNull();
      expect(one.body.lastUsedAddress).toBe('127.0.0.1');
      const list = await app.get('/api/tokens?q=REP&sort=-lastUsedAt', { token: user.token });
      expect(list.body.items).toEqual([one.body]);
      const audited = await app.get(`/api/audit?resourceId=${made.body.id}`);
      expect(audited.body.items[0]).toMatchObject({ action: 'token.create', outcome: 'succeeded' });
      for (const { text } of [one, list, audited]) expect(text).not.toContain(token.slice(-43));
    });

    it('never do more than their owner, nor more than they were given', async () => {
      const user = await auditor();
      const { token } = (await makeToken(user.token, { permissions: ['users:read', 'teams:read'] })).body;
      expect([
        await users(token),
        (await app.get('/api/teams', { token })).status,
        (await app.get('/api/roles', { token })).status,
      ]).toEqual([200, 200, 403]);
      const rights = (await app.get('/api/me', { token })).body;
      expect(rights.signedInWith.type).toBe('token');
      expect(rights.rights).toEqual([
        { role: 'auditor', scope: { type: 'all', id: null, name: null }, permissions: ['users:read', 'teams:read'] },
      ]);
      await app.delete(`/api/grants/${user.grantId}`);
      expect([await users(token), await me(token)]).toEqual([403, 200]);
    });

    it('are narrowed by their scope', async () => {
      const made = await makeToken(app.adminToken, {
        permissions: ['servers:read', 'users:read'],
        scope: { type: 'environment', name: 'lab' },
      });
      expect(made.body.scope).toEqual({ type: 'environment', id: null, name: 'lab' });
      const token = made.body.token as string;
      const inside = await app.post('/api/servers', { name: `server-${++counter}`, environment: 'lab' });
      await app.post('/api/servers', { name: `server-${++counter}`, environment: 'office' });
      const list = await app.get('/api/servers', { token });
      expect(list.body.items.map((server: { id: string }) => server.id)).toEqual([inside.body.id]);
      expect(await users(token)).toBe(403);
    });

    it('end: by expiry, by revocation, and while their owner is disabled', async () => {
      const user = await auditor();
      const made = await makeToken(user.token, { expiresAt: new Date(Date.now() + 1_500).toISOString() });
      expect(await users(made.body.token)).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 1_600));
      expect(await users(made.body.token)).toBe(401);
      expect((await app.get(`/api/tokens/${made.body.id}`, { token: user.token })).body.expired).toBe(true);
      const other = await makeToken(user.token);
      await app.patch(`/api/users/${user.id}`, { disabled: true });
      expect(await users(other.body.token)).toBe(401);
      await app.patch(`/api/users/${user.id}`, { disabled: false });
      expect(await users(other.body.token)).toBe(200);
      const { token } = (await login(user.username)).body;
      expect((await app.delete(`/api/tokens/${other.body.id}`, { token })).status).toBe(204);
      expect(await users(other.body.token)).toBe(401);
      expect((await app.get(`/api/tokens/${other.body.id}`, { token })).status).toBe(404);
    });

    it('are refused when the secret does not belong to the id', async () => {
      const user = await auditor();
      const [one, other] = [
        (await makeToken(user.token)).body.token as string,
        (await makeToken(user.token)).body.token as string,
      ];
      expect(await users(one)).toBe(200);
      expect(await users(one.slice(0, -43) + other.slice(-43))).toBe(401);
      expect(await users(`einfra_${'0'.repeat(32)}_${'A'.repeat(43)}`)).toBe(401);
    });

    it('are not made with what the maker lacks, without end, or under a name that is taken', async () => {
      const user = await auditor();
      const refused = await makeToken(user.token, { permissions: ['users:read', 'users:write'] });
      expect([refused.status, refused.body.missing]).toEqual([403, ['users:write']]);
      const pointer = async (body: object): Promise<unknown> =>
        (await makeToken(user.token, body)).body.errors?.[0].pointer;
      expect(await pointer({ permissions: ['users:fly'] })).toBe('/permissions');
      expect(await pointer({ permissions: [] })).toBe('/permissions');
      for (const expiresAt of [
        undefined,
        null,
        'tomorrow',
        '2030-01-01',
        '2020-01-01T00:00:00Z',
        '2999-01-01T00:00:00Z',
      ]) {
        expect([expiresAt, await pointer({ expiresAt })]).toEqual([expiresAt, '/expiresAt']);
      }
      expect(await pointer({ scope: { type: 'environment' } })).toBe('/scope/name');
      expect(await pointer({ scope: { type: 'server', id: randomUUID() } })).toBe('/scope/id');
      expect((await makeToken(user.token, { name: 'taken' })).status).toBe(201);
      expect((await makeToken(user.token, { name: 'TAKEN' })).status).toBe(409);
    });

    it('give no session, no password and no other token', async () => {
      const user = await auditor();
      const made = await makeToken(user.token);
      const token = made.body.token as string;
      expect((await makeToken(token)).status).toBe(403);
      expect((await app.get('/api/tokens', { token })).status).toBe(403);
      expect((await app.delete(`/api/tokens/${made.body.id}`, { token })).status).toBe(403);
      expect((await app.delete('/api/sessions', { token })).status).toBe(403);
      expect(
        (
          await app.post(
            '/api/me/password',
            { currentPassword: PASSWORD, newPassword: 'taken over just now' },
            { token },
          )
        ).status,
      ).toBe(403);
      expect((await app.post('/api/logout', undefined, { token })).status).toBe(409);
      expect(await me(user.token)).toBe(200);
    });

    it('of others are not found', async () => {
      const { id } = (await makeToken((await auditor()).token)).body;
      for (const method of ['GET', 'DELETE']) expect((await app.request(method, `/api/tokens/${id}`)).status).toBe(404);
    });
  });

  describe('a reset from the console', () => {
    it('opens the way back in and closes every other', async () => {
      const user = await signedIn();
      const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
      await grant(user.id, 'auditor');
      const made = await app.post(
        '/api/tokens',
        { name: 'x', permissions: ['users:read'], expiresAt },
        { token: user.token },
      );
      const apiToken = made.body.token as string;
      const address = elsewhere();
      for (let attempt = 0; attempt < 5; attempt++) await login(user.username, WRONG, address);
      await app.patch(`/api/users/${user.id}`, { disabled: true });
      const password = await app.app.get(AdminPasswordReset).reset(user.username.toUpperCase());
      const answer = await login(user.username, password, address);
      expect([answer.status, answer.body.mustChangePassword]).toEqual([200, true]);
      expect([await me(user.token), await me(apiToken), (await login(user.username)).status]).toEqual([401, 401, 401]);
      const { items } = (await app.get(`/api/audit?action=user.password_reset&resourceId=${user.id}`)).body;
      expect(items).toEqual([
        expect.objectContaining({ outcome: 'succeeded', actor: { id: null, name: 'console', via: null } }),
      ]);
      await expect(app.app.get(AdminPasswordReset).reset('nobody-there')).rejects.toThrow(
        'There is no user nobody-there.',
      );
    });

    it('makes an administrator only when there is none left', async () => {
      const user = await makeUser();
      const reset = app.app.get(AdminPasswordReset);
      await reset.reset(user.username);
      const grantsOf = async (): Promise<unknown[]> =>
        database.query('SELECT scope_type FROM grants WHERE user_id = $1', [user.id]);
      expect(await grantsOf()).toEqual([]);
      await database.query(`DELETE FROM grants WHERE role_id = '00000000-0000-4000-8000-000000000001'`);
      await reset.reset(user.username);
      expect(await grantsOf()).toEqual([{ scope_type: 'all' }]);
    });
  });

  it('is held to a rate of its own by address', async () => {
    const limited = await startApp({ RATE_LIMIT: '100' });
    try {
      const statuses: number[] = [];
      // starting the application has signed in once
      for (let name = 0; name < 10; name++) {
        const body = { username: `name-${name}`, password: WRONG };
        statuses.push((await limited.post('/api/login', body, { token: null })).status);
      }
      expect(statuses).toEqual([...(Array(9).fill(401) as number[]), 429]);
      expect((await limited.get('/api/me')).status).toBe(200);
    } finally {
      await limited.close();
    }
  });
});

describe('the first start without ADMIN_PASSWORD', () => {
  it('makes one administrator, whose generated password must be changed', async () => {
    const config = loadConfig({ LOG_LEVEL: 'silent', RATE_LIMIT: '0' });
    config.encryptionKeys.push({ id: 'test', key: randomBytes(32) });
    const app = await createApp(config, { dataDir: null });
    try {
      await app.init();
      const bootstrap = app.get(AdminBootstrap);
      const payload = { username: 'admin', password: bootstrap.generatedPassword ?? '' };
      const answer = await app.inject({ method: 'POST', url: '/api/login', payload });
      expect([answer.statusCode, answer.json().mustChangePassword]).toEqual([200, true]);
      const headers = { authorization: `Bearer ${answer.json().token}` };
      const who = (await app.inject({ method: 'GET', url: '/api/me', headers })).json();
      expect(who.rights).toEqual([
        expect.objectContaining({ role: 'admin', scope: { type: 'all', id: null, name: null } }),
      ]);
      await bootstrap.onApplicationBootstrap();
      expect(await app.get(DataSource).query('SELECT username FROM users')).toEqual([{ username: 'admin' }]);
    } finally {
      await app.close();
    }
  });
});
