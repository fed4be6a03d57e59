import { randomUUID } from 'node:crypto';
import { startApp, type Answer, type TestApp } from './harness.js';

const PASSWORD = 'a password for somebody else';

describe('RBAC', () => {
  let app: TestApp;
  let counter = 0;

  beforeAll(async () => {
    app = await startApp();
  });

  afterAll(() => app.close());

  /** A name that no other test uses. */
  const unique = (text: string): string => `${text}-${++counter}`;

  async function role(permissions: string[]): Promise<string> {
    const made = await app.post('/api/roles', { name: unique('role'), permissions });
    expect(made.status).toBe(201);
    return made.body.name as string;
  }

  async function team(): Promise<string> {
    const made = await app.post('/api/teams', { name: unique('team') });
    expect(made.status).toBe(201);
    return made.body.id as string;
  }

  function grant(
    type: 'user' | 'team',
    id: string,
    roleName: string,
    scope: object = { type: 'all' },
    token?: string,
  ): Promise<Answer> {
    return app.post(
      '/api/grants',
      { subject: { type, id }, role: roleName, scope },
      { token: token ?? app.adminToken },
    );
  }

  /** A user who holds these permissions on everything. */
  async function holder(...permissions: string[]): Promise<{ id: string; token: string }> {
    return app.user(unique('user'), await role(permissions));
  }

  async function apiToken(owner: string, permissions: string[], scope?: object): Promise<string> {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const made = await app.post(
      '/api/tokens',
      { name: unique('token'), permissions, scope, expiresAt },
      { token: owner },
    );
    expect([made.status, made.text]).toEqual([201, made.text]);
    return made.body.token as string;
  }

  describe('users', () => {
    it('are made, read, changed and removed', async () => {
      const made = await app.post('/api/users', {
        username: unique('jana'),
        password: PASSWORD,
        displayName: 'Jana',
        email: 'jana@example.com',
      });
      expect(made.status).toBe(201);
      expect(made.headers['location']).toBe(`/api/users/${made.body.id}`);
      expect(made.headers['etag']).toBe('"1"');
      expect(Object.keys(made.body).filter((field) => /password|hash/i.test(field))).toEqual(['mustChangePassword']);
      const changed = await app.patch(
        `/api/users/${made.body.id}`,
        { displayName: null, email: null },
        { headers: { 'if-match': '"1"' } },
      );
      expect([changed.status, changed.body.displayName, changed.body.email, changed.body.version]).toEqual([
        200,
        '',
        null,
        2,
      ]);
      const stale = await app.patch(
        `/api/users/${made.body.id}`,
        { displayName: 'x' },
        { headers: { 'if-match': '"1"' } },
      );
      expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
      expect((await app.delete(`/api/users/${made.body.id}`)).status).toBe(204);
      expect((await app.get(`/api/users/${made.body.id}`)).status).toBe(404);
    });

    it('are listed by page, filter and search', async () => {
      const name = unique('needle');
      await app.user(name);
      const found = await app.get(`/api/users?q=${name.toUpperCase()}&disabled=false&sort=-createdAt,username`);
      expect([found.body.total, found.body.items[0].username]).toEqual([1, name]);
      expect((await app.get('/api/users?q=%25')).body.total).toBe(0);
      expect((await app.get('/api/users?sort=passwordHash')).status).toBe(400);
      expect((await app.get('/api/users?role=admin')).status).toBe(400);
    });

    it('can’t be given more than the form takes', async () => {
      const form = { username: unique('mallory'), password: PASSWORD };
      for (const extra of [
        { role: 'admin' },
        { builtIn: true },
        { id: randomUUID() },
        { grants: [] },
        { passwordHash: 'x' },
        { version: 9 },
      ]) {
        const answer = await app.post('/api/users', { ...form, ...extra });
        expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, `/${Object.keys(extra)[0]}`]);
      }
      expect((await app.post('/api/users', { ...form, password: 'too short' })).status).toBe(400);
      expect((await app.post('/api/users', { ...form, username: 'ADMIN' })).status).toBe(409);
      expect((await app.patch(`/api/users/${(await app.user(unique('user'))).id}`, { disabled: null })).status).toBe(
        400,
      );
    });

    it('lose their sessions and tokens when they are disabled, and get new ones when enabled', async () => {
      const user = await holder('users:read');
      const token = await apiToken(user.token, ['users:read']);
      expect((await app.get('/api/users', { token })).status).toBe(200);
      expect((await app.patch(`/api/users/${user.id}`, { disabled: true })).body.disabled).toBe(true);
      expect((await app.get('/api/users', { token: user.token })).status).toBe(401);
      expect((await app.get('/api/users', { token })).status).toBe(401);
      await app.patch(`/api/users/${user.id}`, { disabled: false });
      expect((await app.get('/api/users', { token: user.token })).status).toBe(401);
    });

    it('lose their sessions when the password is reset, and sign in with the new one', async () => {
      const name = unique('user');
      const user = await app.user(name, 'viewer');
      expect((await app.patch(`/api/users/${user.id}`, { password: PASSWORD, mustChangePassword: true })).status).toBe(
        200,
      );
      expect((await app.get('/api/permissions', { token: user.token })).status).toBe(401);
      const token = await app.signIn(name, PASSWORD);
      const answer = await app.get('/api/permissions', { token });
      expect([answer.status, answer.body.code]).toEqual([403, 'password_change_required']);
    });

    it('can’t disable, remove or reset themselves', async () => {
      const user = await holder('users:write');
      const own = `/api/users/${user.id}`;
      expect((await app.patch(own, { disabled: true }, { token: user.token })).status).toBe(409);
      expect(
        (
          await app.patch(
            own.toUpperCase().replace('/API/USERS', '/api/users'),
            { password: PASSWORD },
            { token: user.token },
          )
        ).status,
      ).toBe(409);
      expect((await app.delete(own, { token: user.token })).status).toBe(409);
      expect((await app.patch(own, { displayName: 'Me' }, { token: user.token })).body.displayName).toBe('Me');
    });
  });

  describe('teams', () => {
    it('give their members their rights, until these leave or the team goes', async () => {
      const user = await app.user(unique('user'));
      const id = await team();
      await grant('team', id, await role(['users:read']));
      expect((await app.get('/api/users', { token: user.token })).status).toBe(403);
      expect((await app.request('PUT', `/api/teams/${id}/members/${user.id}`)).status).toBe(200);
      expect((await app.request('PUT', `/api/teams/${id}/members/${user.id}`)).status).toBe(200);
      expect((await app.get('/api/users', { token: user.token })).status).toBe(200);
      expect((await app.get(`/api/teams/${id}/members`)).body.items.map((member: { id: string }) => member.id)).toEqual(
        [user.id],
      );
      expect((await app.get(`/api/teams?userId=${user.id}`)).body.total).toBe(1);
      expect((await app.delete(`/api/teams/${id}/members/${user.id}`)).status).toBe(204);
      expect((await app.get('/api/users', { token: user.token })).status).toBe(403);
      const added = await app.post(`/api/teams/${id}/members`, { userId: user.id });
      expect([added.status, added.headers['location']]).toEqual([201, `/api/teams/${id}/members/${user.id}`]);
      expect((await app.post(`/api/teams/${id}/members`, { userId: user.id })).status).toBe(200);
      expect((await app.get(added.headers['location'] as string)).body.id).toBe(user.id);
      expect((await app.delete(`/api/teams/${id}`)).status).toBe(204);
      expect((await app.get('/api/users', { token: user.token })).status).toBe(403);
      expect((await app.get(`/api/teams/${id}/members`)).status).toBe(404);
    });

    it('name what is wrong with a member', async () => {
      const id = await team();
      expect((await app.post(`/api/teams/${id}/members`, { userId: randomUUID() })).body.errors[0].pointer).toBe(
        '/userId',
      );
      expect((await app.request('PUT', `/api/teams/${id}/members/${randomUUID()}`)).status).toBe(404);
      expect((await app.request('PUT', `/api/teams/${randomUUID()}/members/${randomUUID()}`)).status).toBe(404);
    });

    it('have names of their own', async () => {
      const id = await team();
      const { name } = (await app.get(`/api/teams/${id}`)).body;
      expect((await app.post('/api/teams', { name: name.toUpperCase() })).status).toBe(409);
      expect((await app.post('/api/teams', { name: ' x' })).status).toBe(400);
      const renamed = await app.patch(`/api/teams/${id}`, { description: 'Those' });
      expect([renamed.body.name, renamed.body.description, renamed.headers['etag']]).toEqual([name, 'Those', '"2"']);
    });
  });

  describe('roles', () => {
    it('that are built in are there and fixed', async () => {
      const builtIn = (await app.get('/api/roles?builtIn=true')).body.items as {
        id: string;
        name: string;
        permissions: string[];
      }[];
      expect(builtIn.map(({ name }) => name)).toEqual(['admin', 'auditor', 'operator', 'viewer']);
      const [admin, auditor] = builtIn;
      expect(admin?.permissions).toContain('users:write');
      expect(auditor?.permissions).toContain('audit:read');
      expect((await app.patch(`/api/roles/${auditor?.id}`, { permissions: ['users:write'] })).status).toBe(409);
      expect((await app.delete(`/api/roles/${auditor?.id}`)).status).toBe(409);
      expect((await app.get(`/api/roles/${auditor?.id}`)).body.permissions).toEqual(auditor?.permissions);
    });

    it('change the rights of all who hold them', async () => {
      const name = await role(['users:read']);
      const user = await app.user(unique('user'), name);
      const { id } = (await app.get(`/api/roles?q=${name}`)).body.items[0];
      expect((await app.get('/api/teams', { token: user.token })).status).toBe(403);
      expect((await app.patch(`/api/roles/${id}`, { permissions: ['teams:read'] })).body.permissions).toEqual([
        'teams:read',
      ]);
      expect((await app.get('/api/teams', { token: user.token })).status).toBe(200);
      expect((await app.get('/api/users', { token: user.token })).status).toBe(403);
      expect((await app.delete(`/api/roles/${id}`)).status).toBe(409);
      expect((await app.get(`/api/roles/${id}`)).status).toBe(200);
    });

    it('hold known permissions only, and go when nobody holds them', async () => {
      expect((await app.post('/api/roles', { name: unique('role'), permissions: ['everything'] })).status).toBe(400);
      expect(
        (await app.post('/api/roles', { name: unique('role'), permissions: ['users:read'], builtIn: true })).status,
      ).toBe(400);
      const made = await app.post('/api/roles', { name: unique('role'), permissions: [] });
      expect((await app.delete(made.headers['location'] as string)).status).toBe(204);
    });
  });

  describe('grants', () => {
    it('are made, listed and removed; the same again is the same', async () => {
      const user = await app.user(unique('user'));
      const made = await grant('user', user.id, 'viewer', { type: 'environment', name: 'production' });
      expect([made.status, made.headers['location']]).toEqual([201, `/api/grants/${made.body.id}`]);
      expect(made.body).toMatchObject({
        subject: { type: 'user', id: user.id },
        role: 'viewer',
        scope: { type: 'environment', id: null, name: 'production' },
      });
      const again = await grant('user', user.id, made.body.roleId, { type: 'environment', name: 'production' });
      expect([again.status, again.body.id]).toEqual([200, made.body.id]);
      for (const filter of [
        `userId=${user.id}`,
        `userId=${user.id}&role=viewer`,
        `userId=${user.id}&scopeType=environment&sort=role`,
      ]) {
        expect((await app.get(`/api/grants?${filter}`)).body.total).toBe(1);
      }
      expect((await app.get(`/api/grants?userId=${user.id}&role=admin`)).body.total).toBe(0);
      expect((await app.delete(`/api/grants/${made.body.id}`)).status).toBe(204);
      expect((await app.get(`/api/grants/${made.body.id}`)).status).toBe(404);
    });

    it('name what is wrong with them', async () => {
      const user = await app.user(unique('user'));
      const wrong: [pointer: string, body: object][] = [
        ['/subject/id', { subject: { type: 'user', id: randomUUID() }, role: 'viewer', scope: { type: 'all' } }],
        ['/subject/id', { subject: { type: 'team', id: user.id }, role: 'viewer', scope: { type: 'all' } }],
        ['/role', { subject: { type: 'user', id: user.id }, role: 'nothing', scope: { type: 'all' } }],
        ['/scope', { subject: { type: 'user', id: user.id }, role: 'viewer' }],
        ['/scope/type', { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'galaxy' } }],
        ['/scope/name', { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'environment' } }],
        ['/scope/id', { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'server' } }],
        [
          '/scope/id',
          { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'server', id: randomUUID() } },
        ],
        [
          '/scope/id',
          { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'all', id: randomUUID() } },
        ],
        [
          '/scope/name',
          { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'namespace', id: randomUUID() } },
        ],
        [
          '/createdBy',
          { subject: { type: 'user', id: user.id }, role: 'viewer', scope: { type: 'all' }, createdBy: user.id },
        ],
      ];
      for (const [pointer, body] of wrong) {
        const answer = await app.post('/api/grants', body);
        expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer]);
      }
    });
  });

  describe('nobody gets more than they hold', () => {
    it('by granting a role with more, or further', async () => {
      const granter = await holder('grants:write', 'grants:read', 'servers:read');
      const friend = await app.user(unique('user'));
      expect((await grant('user', granter.id, 'admin', { type: 'all' }, granter.token)).status).toBe(403);
      expect(
        (await grant('user', friend.id, 'operator', { type: 'environment', name: 'x' }, granter.token)).status,
      ).toBe(403);
      const reader = await role(['servers:read']);
      expect((await grant('user', friend.id, reader, { type: 'all' }, granter.token)).status).toBe(201);
      expect((await app.get(`/api/grants?userId=${granter.id}`)).body.total).toBe(1);
    });

    it('by granting outside of their environment', async () => {
      const granter = await holder('grants:write');
      const reader = await role(['servers:read']);
      await grant('user', granter.id, reader, { type: 'environment', name: 'production' });
      expect(
        (await grant('user', granter.id, reader, { type: 'environment', name: 'staging' }, granter.token)).status,
      ).toBe(403);
      expect((await grant('user', granter.id, reader, { type: 'all' }, granter.token)).status).toBe(403);
      const friend = await app.user(unique('user'));
      expect(
        (await grant('user', friend.id, reader, { type: 'environment', name: 'production' }, granter.token)).status,
      ).toBe(201);
    });

    it('by taking grants of others who hold more', async () => {
      const granter = await holder('grants:write', 'grants:read');
      const own = (await app.get('/api/grants?role=admin&sort=createdAt')).body.items[0];
      expect((await app.delete(`/api/grants/${own.id}`, { token: granter.token })).status).toBe(403);
      expect((await app.get(`/api/grants/${own.id}`)).status).toBe(200);
    });

    it('by making or changing roles', async () => {
      const maker = await holder('roles:write', 'roles:read', 'users:read');
      const { token } = maker;
      const own = (await app.get(`/api/grants?userId=${maker.id}`)).body.items[0];
      expect(
        (await app.post('/api/roles', { name: unique('role'), permissions: ['users:write'] }, { token })).status,
      ).toBe(403);
      expect(
        (await app.patch(`/api/roles/${own.roleId}`, { permissions: ['roles:write', 'users:write'] }, { token }))
          .status,
      ).toBe(403);
      expect((await app.get(`/api/roles/${own.roleId}`)).body.permissions).not.toContain('users:write');
      const made = await app.post('/api/roles', { name: unique('role'), permissions: ['users:read'] }, { token });
      expect(made.status).toBe(201);
      // a role that somebody holds with more than the maker has is not theirs to change, not even by taking away
      const others = await role(['users:read', 'users:write']);
      await app.user(unique('user'), others);
      const { id } = (await app.get(`/api/roles?q=${others}`)).body.items[0];
      expect((await app.patch(`/api/roles/${id}`, { permissions: ['users:read'] }, { token })).status).toBe(403);
    });

    it('by holding the permission in one environment only', async () => {
      const maker = await holder('roles:write');
      await grant('user', maker.id, 'operator', { type: 'environment', name: 'production' });
      const answer = await app.post(
        '/api/roles',
        { name: unique('role'), permissions: ['servers:write'] },
        { token: maker.token },
      );
      expect(answer.status).toBe(403);
    });

    it('by joining a team that holds more', async () => {
      const leader = await holder('teams:write', 'teams:read');
      const admins = await team();
      await grant('team', admins, 'admin');
      expect(
        (await app.request('PUT', `/api/teams/${admins}/members/${leader.id}`, { token: leader.token })).status,
      ).toBe(403);
      expect(
        (await app.post(`/api/teams/${admins}/members`, { userId: leader.id }, { token: leader.token })).status,
      ).toBe(403);
      expect(
        (await app.patch(`/api/teams/${admins}`, { name: unique('harmless') }, { token: leader.token })).status,
      ).toBe(403);
      expect((await app.delete(`/api/teams/${admins}`, { token: leader.token })).status).toBe(403);
      expect((await app.get(`/api/teams/${admins}/members`)).body.total).toBe(0);
      const harmless = await team();
      expect(
        (await app.request('PUT', `/api/teams/${harmless}/members/${leader.id}`, { token: leader.token })).status,
      ).toBe(200);
    });

    it('by taking over somebody who holds more', async () => {
      const manager = await holder('users:write', 'users:read');
      const { token } = manager;
      const admin = (await app.get('/api/users?q=admin&sort=createdAt')).body.items[0];
      for (const change of [
        { password: PASSWORD },
        { disabled: true },
        { email: 'mallory@example.com' },
        { username: 'root' },
      ]) {
        expect((await app.patch(`/api/users/${admin.id}`, change, { token })).status).toBe(403);
      }
      expect((await app.delete(`/api/users/${admin.id}`, { token })).status).toBe(403);
      const throughTeam = await app.user(unique('user'));
      const admins = await team();
      await grant('team', admins, 'admin');
      await app.request('PUT', `/api/teams/${admins}/members/${throughTeam.id}`);
      expect((await app.patch(`/api/users/${throughTeam.id}`, { password: PASSWORD }, { token })).status).toBe(403);
      const plain = await app.user(unique('user'));
      expect((await app.patch(`/api/users/${plain.id}`, { password: PASSWORD }, { token })).status).toBe(200);
    });

    it('by an API token with less than its owner', async () => {
      const token = await apiToken(app.adminToken, [
        'users:write',
        'users:read',
        'grants:write',
        'roles:write',
        'teams:write',
      ]);
      const self = (await app.get('/api/users?q=admin&sort=createdAt')).body.items[0];
      const friend = await app.user(unique('user'), 'viewer');
      expect((await grant('user', friend.id, 'operator', { type: 'all' }, token)).status).toBe(403);
      expect(
        (await app.post('/api/roles', { name: unique('role'), permissions: ['audit:read'] }, { token })).status,
      ).toBe(403);
      expect((await app.patch(`/api/users/${self.id}`, { password: PASSWORD }, { token })).status).toBe(403);
      expect((await app.patch(`/api/users/${friend.id}`, { password: PASSWORD }, { token })).status).toBe(403);
      expect((await app.get('/api/roles', { token })).status).toBe(403);
      const inEnvironment = await apiToken(app.adminToken, ['users:read', 'servers:read'], {
        type: 'environment',
        name: 'production',
      });
      expect((await app.get('/api/users', { token: inEnvironment })).status).toBe(403);
      const explained = await app.get('/api/access/explain?permission=users:read', { token: inEnvironment });
      expect([explained.status, explained.body.allowed]).toEqual([200, false]);
    });
  });

  describe('the last administrator', () => {
    type Grant = { id: string; subject: { id: string; type: 'user' | 'team' } };
    /** Holds every permission, but not the role: may do what an administrator may, and is none. */
    let equal: { id: string; token: string };
    let first: { id: string; token: string };
    let second: { id: string; token: string };
    let others: Grant[];

    /** Leaves `first` and `second` as the only administrators. */
    beforeEach(async () => {
      const catalogue = (await app.get('/api/permissions?pageSize=100')).body.items as { name: string }[];
      equal = await holder(...catalogue.map(({ name }) => name));
      first = await app.user(unique('admin'), 'admin');
      second = await app.user(unique('admin'), 'admin');
      others = (await admins()).filter(({ subject }) => ![first.id, second.id].includes(subject.id));
      for (const { id } of others)
        expect((await app.delete(`/api/grants/${id}`, { token: equal.token })).status).toBe(204);
    });

    afterEach(async () => {
      for (const { subject } of others) await grant(subject.type, subject.id, 'admin', { type: 'all' }, equal.token);
      for (const { id, subject } of await admins()) {
        if ([first.id, second.id].includes(subject.id))
          expect((await app.delete(`/api/grants/${id}`)).status).toBe(204);
      }
    });

    async function admins(): Promise<Grant[]> {
      return (await app.get('/api/grants?role=admin&scopeType=all&pageSize=100', { token: equal.token })).body
        .items as Grant[];
    }

    async function expectOneRefused(answers: Promise<Answer>[], success: number): Promise<void> {
      const done = await Promise.all(answers);
      expect(done.map(({ status }) => status).sort()).toEqual([success, 409]);
      expect(done.find(({ status }) => status === 409)?.body.code).toBe('last_admin');
    }

    it('stays when two give up the role at once', async () => {
      const theirs = await admins();
      expect(theirs).toHaveLength(2);
      await expectOneRefused(
        theirs.map(({ id, subject }) =>
          app.delete(`/api/grants/${id}`, { token: subject.id === first.id ? first.token : second.token }),
        ),
        204,
      );
      expect(await admins()).toHaveLength(1);
    });

    it('stays when two are disabled at once', async () => {
      const { token } = equal;
      await expectOneRefused(
        [first, second].map(({ id }) => app.patch(`/api/users/${id}`, { disabled: true }, { token })),
        200,
      );
      const left = (await app.get('/api/users?disabled=false&pageSize=100', { token })).body.items as { id: string }[];
      expect(left.filter(({ id }) => [first.id, second.id].includes(id))).toHaveLength(1);
    });

    it('stays when one is removed and the other leaves at once', async () => {
      const { token } = equal;
      const [own] = (await admins()).filter(({ subject }) => subject.id === second.id);
      await expectOneRefused(
        [app.delete(`/api/users/${first.id}`, { token }), app.delete(`/api/grants/${own?.id}`, { token })],
        204,
      );
    });

    it('stays when the role is held through a team', async () => {
      const { token } = equal;
      const id = await teamAs(token);
      await grant('team', id, 'admin', { type: 'all' }, token);
      await app.request('PUT', `/api/teams/${id}/members/${equal.id}`, { token });
      for (const own of (await admins()).filter(({ subject }) => subject.type === 'user')) {
        expect((await app.delete(`/api/grants/${own.id}`, { token })).status).toBe(204);
      }
      const [throughTeam] = await admins();
      for (const url of [
        `/api/teams/${id}/members/${equal.id}`,
        `/api/teams/${id}`,
        `/api/grants/${throughTeam?.id}`,
      ]) {
        const answer = await app.delete(url, { token });
        expect([url, answer.status, answer.body.code]).toEqual([url, 409, 'last_admin']);
      }
    });

    async function teamAs(token: string): Promise<string> {
      return (await app.post('/api/teams', { name: unique('admins') }, { token })).body.id as string;
    }
  });

  describe('GET /api/access/explain', () => {
    it('says through which team and role somebody may', async () => {
      const user = await app.user(unique('user'));
      const id = await team();
      await grant('team', id, 'operator', { type: 'environment', name: 'production' });
      await app.request('PUT', `/api/teams/${id}/members/${user.id}`);
      const ask = (query: string, token = app.adminToken): Promise<Answer> =>
        app.get(`/api/access/explain?user=${user.id}&${query}`, { token });
      const yes = await ask('permission=servers:write&resource=environment/production');
      expect(yes.body).toMatchObject({
        allowed: true,
        user: { id: user.id },
        permission: 'servers:write',
        resource: 'environment/production',
        grants: [
          {
            role: 'operator',
            team: { id },
            holdsPermission: true,
            coversResource: true,
            scope: { type: 'environment', name: 'production' },
          },
        ],
      });
      expect(yes.body.reason).toContain('operator on environment production');
      const elsewhere = await ask('permission=servers:write&resource=environment/staging');
      expect([elsewhere.body.allowed, elsewhere.body.grants[0].coversResource]).toEqual([false, false]);
      const lacking = await ask('permission=users:write');
      expect([lacking.body.allowed, lacking.body.reason]).toEqual([
        false,
        'None of the user’s roles holds users:write.',
      ]);
      expect((await ask('permission=servers:write&resource=environment/production', user.token)).body.allowed).toBe(
        true,
      );
      await app.patch(`/api/users/${user.id}`, { disabled: true });
      const disabled = await ask('permission=servers:write&resource=environment/production');
      expect([disabled.body.allowed, disabled.body.reason]).toEqual([false, 'The user is disabled.']);
    });

    it('tells about others only with grants:read', async () => {
      const user = await app.user(unique('user'), 'viewer');
      const { token } = user;
      expect((await app.get('/api/access/explain?user=admin&permission=users:read', { token })).status).toBe(403);
      expect((await app.get('/api/access/explain?user=nobody&permission=users:read', { token })).status).toBe(403);
      expect((await app.get('/api/access/explain?permission=users:read', { token })).body).toMatchObject({
        allowed: false,
        user: { id: user.id },
      });
      const auditor = await app.user(unique('user'), 'auditor');
      expect(
        (await app.get('/api/access/explain?user=ADMIN&permission=users:write', { token: auditor.token })).body.allowed,
      ).toBe(true);
      expect(
        (await app.get('/api/access/explain?user=nobody&permission=users:read', { token: auditor.token })).status,
      ).toBe(404);
    });

    it('names what is wrong with a question', async () => {
      for (const query of [
        'permission=all',
        'permission=users:read&resource=moon',
        'permission=servers:read&resource=server/1',
        `permission=servers:read&resource=cluster/${randomUUID()}`,
      ]) {
        expect([query, (await app.get(`/api/access/explain?${query}`)).status]).toEqual([query, 400]);
      }
    });
  });

  describe('registered systems', () => {
    async function server(environment: string | null): Promise<string> {
      const made = await app.post('/api/servers', {
        name: unique('server'),
        hostname: 'host.example.com',
        environment,
        source: { type: 'none' },
      });
      expect([made.status, made.text]).toEqual([201, made.text]);
      return made.body.id as string;
    }

    async function listed(token: string): Promise<string[]> {
      const answer = await app.get('/api/servers?pageSize=100', { token });
      return (answer.body.items as { id: string }[]).map(({ id }) => id);
    }

    it('are listed, seen and changed only within the scope', async () => {
      const [near, far, other] = [await server('near'), await server('far'), await server(null)];
      const user = await app.user(unique('user'), 'operator', { type: 'environment', name: 'near' });
      const { token } = user;
      expect(await listed(token)).toEqual([near]);
      expect((await app.get(`/api/servers/${near}`, { token })).status).toBe(200);
      expect((await app.get(`/api/servers/${far}`, { token })).status).toBe(404);
      expect((await app.patch(`/api/servers/${far}`, { description: 'x' }, { token })).status).toBe(404);
      await grant('user', user.id, 'viewer', { type: 'server', id: other });
      expect((await listed(token)).sort()).toEqual([near, other].sort());
      expect((await app.patch(`/api/servers/${other}`, { description: 'x' }, { token })).status).toBe(403);
      expect((await app.patch(`/api/servers/${near}`, { description: 'x' }, { token })).status).toBe(200);
    });

    it('are left to an API token only where grant and token meet', async () => {
      const [inside, outside] = [await server('meet'), await server('apart')];
      const user = await app.user(unique('user'), 'operator', { type: 'environment', name: 'meet' });
      const onInside = await apiToken(user.token, ['servers:read'], { type: 'server', id: inside });
      expect(await listed(onInside)).toEqual([inside]);
      expect((await app.get(`/api/servers/${inside}`, { token: onInside })).status).toBe(200);
      expect((await app.patch(`/api/servers/${inside}`, { description: 'x' }, { token: onInside })).status).toBe(403);
      // once the server leaves the environment, the token’s owner has no right to it, and so has the token
      await app.patch(`/api/servers/${inside}`, { environment: 'apart' });
      expect(await listed(onInside)).toEqual([]);
      expect((await app.get(`/api/servers/${inside}`, { token: onInside })).status).toBe(404);
      const ownerToken = await apiToken(app.adminToken, ['servers:read'], { type: 'server', id: outside });
      expect(await listed(ownerToken)).toEqual([outside]);
    });

    it('take their grants with them', async () => {
      const id = await server(null);
      const user = await app.user(unique('user'), 'viewer', { type: 'server', id });
      expect((await app.get(`/api/grants?userId=${user.id}`)).body.total).toBe(1);
      expect((await app.delete(`/api/servers/${id}`)).status).toBe(204);
      expect((await app.get(`/api/grants?userId=${user.id}`)).body.total).toBe(0);
    });

    it('are granted by someone who holds their environment, and by nobody else', async () => {
      const id = await server('mine');
      const granter = await holder('grants:write');
      const reader = await role(['servers:read']);
      await grant('user', granter.id, reader, { type: 'environment', name: 'mine' });
      const friend = await app.user(unique('user'));
      expect((await grant('user', friend.id, reader, { type: 'server', id }, granter.token)).status).toBe(201);
      const foreign = await server('theirs');
      expect((await grant('user', friend.id, reader, { type: 'server', id: foreign }, granter.token)).status).toBe(403);
    });
  });

  it('lists the permissions that there are', async () => {
    const answer = await app.get('/api/permissions?pageSize=100&q=servers');
    expect(answer.body.items.find(({ name }: { name: string }) => name === 'servers:write')).toMatchObject({
      kind: 'server',
      roles: ['admin', 'operator'],
    });
  });
});
