import { randomUUID } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { KeyStore } from '#core';
import { type Answer, startApp, type TestApp } from './harness.js';

const NOWHERE = randomUUID();

let app: TestApp;

beforeAll(async () => {
  app = await startApp();
});

afterAll(() => app.close());

const pointersOf = ({ body }: Answer): string[] => (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
const soon = (): string => new Date(Date.now() + 60_000).toISOString();

describe('somebody who wants more', () => {
  it('can set no field that a form does not have', async () => {
    const { id: user } = await app.user('target');
    const made = async (path: string, body: object): Promise<string> =>
      `${path}/${(await app.post(path, body)).body.id}`;
    const team = await made('/api/teams', { name: 'form-team' });
    const grant = { subject: { type: 'user', id: user }, role: 'viewer', scope: { type: 'all' } };
    const forms: [string, string, object][] = [
      ['POST', '/api/servers', { name: 'f' }],
      ['PATCH', await made('/api/servers', { name: 'form-server' }), {}],
      ['POST', '/api/servers/test', { name: 'f' }],
      ['POST', '/api/teams', { name: 'f' }],
      ['PATCH', team, {}],
      ['POST', `${team}/members`, { userId: user }],
      ['POST', '/api/roles', { name: 'f', permissions: [] }],
      ['PATCH', await made('/api/roles', { name: 'form-role', permissions: [] }), {}],
      ['PATCH', `/api/users/${user}`, {}],
      ['POST', '/api/grants', grant],
      ['POST', '/api/tokens', { name: 'f', permissions: ['servers:read'], expiresAt: soon() }],
      ['POST', '/api/me/password', { currentPassword: 'x', newPassword: 'x'.repeat(12) }],
      ['POST', '/api/login', { username: 'admin', password: 'x' }],
    ];
    for (const [method, path, body] of forms)
      for (const extra of 'id version status createdAt builtIn passwordHash isAdmin storedPermissions createdBy hash'.split(
        ' ',
      )) {
        const answer = await app.request(method, path, { body: { ...body, [extra]: 'x' } });
        expect([path, answer.status, answer.body.errors]).toEqual([
          path,
          400,
          [{ pointer: `/${extra}`, message: 'is not a known field' }],
        ]);
      }
    const nested = { ...grant, scope: { type: 'all', all: true }, subject: { ...grant.subject, admin: true } };
    expect(pointersOf(await app.post('/api/grants', nested)).sort()).toEqual(['/scope/all', '/subject/admin']);
  });

  it('can forge no token by its header or its times', async () => {
    const { id: kid, key } = app.app.get(KeyStore).current('jwt');
    const [header, payload, signature] = app.adminToken.split('.') as [string, string, string];
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const later = {
      ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
      nbf: Math.floor(Date.now() / 1000) + 300,
    };
    const kids = ['../../../dev/null', "' UNION SELECT 'x' --", '__proto__', '', NOWHERE, ['x'], { x: 1 }, null];
    const headers = [
      ...['None', 'nOnE', '', 'RS256', 'ES256', 'PS256', 'HS384'].map((alg) => ({ alg, typ: 'JWT', kid })),
      ...kids.map((evil) => ({ alg: 'HS256', kid: evil })),
      { alg: 'HS256', kid: 'x', jwk: { kty: 'oct', k: 'AA' }, jku: 'http://127.0.0.1:9/keys' },
    ];
    const forged = [
      ...headers.flatMap((one) => [`${encode(one)}.${payload}.${signature}`, `${encode(one)}.${payload}.`]),
      app.app.get(JwtService, { strict: false }).sign(later, { privateKey: key, keyid: kid, algorithm: 'HS256' }),
      ...[`${header}.${encode(later)}.${signature}`, `${header}.${payload}`, 'a.b.c', '...', 'x'.repeat(5_000)],
    ];
    for (const token of forged) expect([token, (await app.get('/api/me', { token })).status]).toEqual([token, 401]);
  });

  it('can do nothing more once they are removed', async () => {
    const { id, token } = await app.user('removed', 'viewer');
    const { body: made } = await app.post(
      '/api/tokens',
      { name: 'left', permissions: ['servers:read'], expiresAt: soon() },
      { token },
    );
    expect((await app.get('/api/servers', { token: made.token as string })).status).toBe(200);
    await app.delete(`/api/users/${id}`);
    for (const left of [token, made.token as string])
      expect((await app.get('/api/servers', { token: left })).status).toBe(401);
  });

  it('learns nothing of what is outside their scope', async () => {
    const { body: hidden } = await app.post('/api/servers', {
      name: 'hidden-name',
      environment: 'vault',
      tags: ['t'],
      os: 'o',
    });
    const { token } = await app.user('scoped', 'operator', { type: 'environment', name: 'open' });
    for (const query of ['', '?q=hidden', '?environment=vault', '?tag=t', '?os=o', '?sort=-name&pageSize=1']) {
      const { status, body, headers } = await app.get(`/api/servers${query}`, { token });
      expect([query, status, body.total, body.items]).toEqual([query, 200, 0, []]);
      expect(headers['link']).not.toContain('page=2');
    }
    for (const asked of ['GET ', 'PATCH ', 'DELETE ', 'POST /test', 'GET /metrics', 'GET /metrics/history?points=x']) {
      const [method = '', rest = ''] = asked.split(' ');
      const about = async (id: string): Promise<unknown> => {
        const { status, body } = await app.request(method, `/api/servers/${id}${rest}`, {
          token,
          body: method === 'PATCH' ? { name: 1 } : undefined,
        });
        return [asked, status, (body.detail as string).replace(id, ':id')];
      };
      expect(await about(hidden.id as string)).toEqual(await about(NOWHERE));
    }
    // names are unique over everything: that one is taken can't be hidden, what it belongs to is
    const taken = await app.post('/api/servers', { name: 'HIDDEN-NAME', environment: 'open' }, { token });
    expect([taken.status, /vault|hidden-name/.test(taken.text), taken.text.includes(hidden.id as string)]).toEqual([
      409,
      false,
      false,
    ]);
    expect((await app.get('/api/audit', { token })).status).toBe(403);
  });

  it('can write no line and no formula into the export of the audit log', async () => {
    const username = '=HYPERLINK("http://evil.example")\r\nforged,1,2026';
    await app.post(
      '/api/login',
      { username, password: 'wrong' },
      { token: null, headers: { 'user-agent': '@SUM(1+1)\t=2' } },
    );
    const { text } = await app.get('/api/audit/export?format=csv&action=session.create&outcome=failed');
    const lines = text.trimEnd().split('\r\n').slice(1);
    expect(lines.filter((line) => !/^[0-9a-f-]{36},\d+,/.test(line))).toEqual([]);
    expect(text).toContain(`"'=HYPERLINK(""http://evil.example"")  forged,1,2026"`);
    expect(text).toContain(`"'@SUM(1+1) =2"`);
  });
});
