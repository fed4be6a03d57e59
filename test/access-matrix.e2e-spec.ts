import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { JwtService } from '@nestjs/jwt';
import { DataSource } from 'typeorm';
import { type DeclaredRoute, KeyStore, Operations, RouteCatalogue } from '#core';
import { type Answer, startApp, type TestApp } from './harness.js';

const TABLE = 'test/access-matrix.json';
const ROLES = ['admin', 'operator', 'viewer', 'auditor'] as const;
const HOME = 'lab';
const FOREIGN = { type: 'environment', name: 'elsewhere' };

/** Statuses of one route: without a token, with an expired one, by role on everything, by role in another environment. */
type Row = Record<string, number>;

/**
 * Walks every route for every built-in role and compares with the committed table. New routes show up by themselves; a path
 * parameter needs a maker of what it names below. `UPDATE_ACCESS_MATRIX=1` writes the table anew.
 */
describe('every route for every role', () => {
  let app: TestApp;
  let count = 0;
  const unique = (): string => `thing-${++count}`;

  beforeAll(async () => {
    app = await startApp();
    app.app.get(Operations).handle('matrix.work', () => Promise.resolve());
  });

  afterAll(() => app.close());

  const make = async (url: string, body: object): Promise<string> => {
    const answer = await app.post(url, body);
    if (answer.status !== 201) throw new Error(`POST ${url}: ${answer.status} ${answer.text}`);
    return answer.body.id as string;
  };
  const makeUser = (): Promise<string> =>
    make('/api/users', { username: unique(), password: 'a password long enough' });
  const makeTeam = (): Promise<string> => make('/api/teams', { name: unique() });

  // disabled: what the walk does is not to be sent anywhere
  const makeWebhook = (): Promise<string> =>
    make('/api/webhooks', { name: unique(), url: 'http://127.0.0.1:9/', events: ['*'], enabled: false });

  /** Makes what the path parameters of a route name, afresh for each call, in the environment `lab`. */
  const makers: Record<string, () => Promise<Record<string, string>>> = {
    '/servers/:id': async () => ({ id: await make('/api/servers', { name: unique(), environment: HOME }) }),
    '/servers/:id/services/:unit': async () => ({
      id: await make('/api/servers', { name: unique(), environment: HOME }),
      unit: 'cron',
    }),
    '/environments/:name': async () => ({ name: HOME }),
    '/users/:id': async () => ({ id: await makeUser() }),
    '/teams/:id': async () => ({ id: await makeTeam() }),
    '/teams/:id/members/:userId': async () => {
      const [id, userId] = [await makeTeam(), await makeUser()];
      await app.post(`/api/teams/${id}/members`, { userId });
      return { id, userId };
    },
    '/roles/:id': async () => ({ id: await make('/api/roles', { name: unique(), permissions: ['servers:read'] }) }),
    '/grants/:id': async () => ({
      id: await make('/api/grants', {
        subject: { type: 'user', id: await makeUser() },
        role: 'viewer',
        scope: { type: 'all' },
      }),
    }),
    // those of somebody else: they must stay out of reach for every role
    '/tokens/:id': async () => ({
      id: await make('/api/tokens', {
        name: unique(),
        permissions: ['servers:read'],
        expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      }),
    }),
    '/webhooks/:id': async () => ({ id: await makeWebhook() }),
    '/webhooks/:id/deliveries/:deliveryId': async () => {
      const id = await makeWebhook();
      return { id, deliveryId: (await app.post(`/api/webhooks/${id}/test`)).body.id as string };
    },
    '/sessions/:id': async () => ({ id: (await app.get('/api/sessions')).body.items[0].id as string }),
    '/schedules/:name': async () => ({ name: 'operations.upkeep' }),
    // started by EINFRA itself on a server in the environment; it ends at once, so that following it does, too
    '/operations/:id': async () => {
      const request = {
        type: 'matrix.work',
        input: {},
        permission: 'servers:write',
        target: { kind: 'server', environment: HOME },
        resource: { type: 'server' },
      } as const;
      const operation = await app.app
        .get(DataSource)
        .transaction((manager) => app.app.get(Operations).start(manager, request));
      return { id: operation.id };
    },
    '/audit/:id': async () => ({ id: (await app.get('/api/audit')).body.items[0].id as string }),
  };

  const fill = async (route: DeclaredRoute): Promise<string> => {
    if (!route.path.includes(':')) return pathOf(route.path);
    const maker = Object.keys(makers)
      .filter((prefix) => `${route.path}/`.startsWith(`${prefix}/`))
      .sort((a, b) => b.length - a.length)[0];
    if (!maker) throw new Error(`the walk can't make what ${route.path} names: add it to the makers`);
    const values = await makers[maker]!();
    return pathOf(route.path.replace(/:(\w+)/g, (_, name: string) => values[name] ?? `no-maker-for-${name}`));
  };

  const call = async (route: DeclaredRoute, token: string | null): Promise<Answer> => {
    const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : {};
    return app.request(route.method, await fill(route), { token, body });
  };

  const asRole = async (role: string, scope: object): Promise<string> => (await app.user(unique(), role, scope)).token;

  const expired = (): string => {
    const { id, key } = app.app.get(KeyStore).current('jwt');
    const now = Math.floor(Date.now() / 1000);
    return app.app.get(JwtService, { strict: false }).sign(
      {
        sub: '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11',
        sid: '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f12',
        typ: 'access',
        iat: now - 2000,
        exp: now - 1000,
      },
      { secret: key as never, algorithm: 'HS256', keyid: id, issuer: 'einfra', audience: 'einfra-api' },
    );
  };

  const walk = async (route: DeclaredRoute): Promise<Row> => {
    const row: Row = {
      'no token': (await call(route, null)).status,
      'expired token': (await call(route, expired())).status,
    };
    for (const role of ROLES) row[role] = (await call(route, await asRole(role, { type: 'all' }))).status;
    for (const role of ROLES) row[`${role} elsewhere`] = (await call(route, await asRole(role, FOREIGN))).status;
    return row;
  };

  it('answers as the committed table says', async () => {
    const walked: Record<string, Row> = {};
    for (const route of app.app.get(RouteCatalogue).routes())
      walked[`${route.method} ${route.path}`] = await walk(route);
    const sorted = Object.fromEntries(Object.entries(walked).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (process.env['UPDATE_ACCESS_MATRIX'] || !existsSync(TABLE))
      writeFileSync(TABLE, `${JSON.stringify(sorted, null, 2)}\n`);
    expect(sorted).toEqual(JSON.parse(readFileSync(TABLE, 'utf8')));
    // what the table may never say, whoever edits it
    for (const route of app.app.get(RouteCatalogue).routes()) {
      const row = sorted[`${route.method} ${route.path}`]!;
      if (route.access.kind !== 'public') expect([row['no token'], row['expired token']]).toEqual([401, 401]);
      if (route.access.kind === 'permission' && route.path.startsWith('/servers/:id')) {
        for (const role of ROLES) expect([403, 404]).toContain(row[`${role} elsewhere`]);
      }
      expect(Math.max(...Object.values(row))).toBeLessThan(500);
    }
  }, 300_000);
});

function pathOf(path: string): string {
  return path.startsWith('/health') || path === '/metrics' ? path : `/api${path}`;
}
