import { Agent } from 'node:http';
import type { BuiltApp } from './built-app.js';
import type { Operation } from './openapi-contract.js';
import { jsonOf, type RawAnswer, type RawRequest, sendRaw } from './raw-http.js';
import type { Actor, RequestPlan } from './request-arbitrary.js';
import { Remembered } from './schema-arbitrary.js';

/** Of the user that keeps order; requests of the run never use them. */
export const KEEPER_PASSWORD = 'only the keeper of the run knows this';
/** Also the example of the document, so that generated sign-ins sometimes succeed. */
const PASSWORD = 'correct horse battery staple';
const KEPT = 60;

/** What exists in the application, and who asks it. Learns ids, names and tokens from the answers. */
export class PropertyWorld {
  readonly agent = new Agent({ keepAlive: true });
  private readonly values = new Map<string, string[]>();
  /** What must not be put into requests: ids of the keeper. */
  private readonly untouchable = new Set<string>();
  private readonly tokens = new Map<Actor, string>();
  private readonly suspects = new Set<Actor>();
  private keeperToken = '';
  private users = 0;
  private requests = 0;

  constructor(private readonly app: BuiltApp) {}

  /** A few things of every kind, two users to ask as, and the ids of what is there already. */
  async create(metricsUrl: string, lists: string[]): Promise<void> {
    await this.signInKeeper();
    for (const field of ['password', 'currentPassword']) this.keep(field, PASSWORD);
    await this.renew('admin');
    await this.renew('viewer');
    const admin = this.tokens.get('admin') as string;
    for (const environment of ['lab', 'production']) {
      const source = { type: 'node-exporter', url: metricsUrl };
      await this.make('/api/servers', { name: `server-${environment}`, environment, tags: ['web'], source }, admin);
    }
    await this.make('/api/teams', { name: 'team' }, admin);
    await this.make('/api/roles', { name: 'role', permissions: ['servers:read'] }, admin);
    const user = (await this.make('/api/users', { username: 'bystander', password: PASSWORD }, admin)) as {
      id: string;
    };
    const team = this.values.get('/api/teams')?.[0] as string;
    await this.make(`/api/teams/${team}/members`, { userId: user.id }, admin);
    await this.make(
      '/api/grants',
      { subject: { type: 'user', id: user.id }, role: 'role', scope: { type: 'all' } },
      admin,
    );
    await this.make('/api/servers', { name: 'pushing', source: { type: 'push' } }, admin);
    const webhook = { name: 'receiver', url: metricsUrl, events: ['server.*'], secret: 'a secret of the receiver' };
    await this.make('/api/webhooks', webhook, admin);
    const headers = { ...bearer(admin), 'content-type': 'application/json' };
    const rows = JSON.stringify([{ name: 'imported' }]);
    this.learn('/api/operations', await this.ask({ method: 'POST', path: '/api/servers/import', headers, body: rows }));
    for (const path of lists) this.learn(path, await this.ask({ method: 'GET', path, headers: bearer(admin) }));
  }

  /** The request that a plan becomes now. */
  requestOf({ method, path }: Operation, plan: RequestPlan): RawRequest {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => this.textOf(plan.path[name]));
    const pairs = plan.query.flatMap(([name, value]) =>
      [value].flat().map((one) => `${name}=${encode(this.textOf(one))}`),
    );
    const query = [...pairs, plan.rawQuery].filter(Boolean).join('&');
    const headers: Record<string, string> = { 'x-forwarded-for': this.nextAddress() };
    const token = this.tokens.get(plan.actor);
    if (plan.authorization !== undefined)
      headers['authorization'] = plan.authorization.replaceAll('{token}', token ?? '');
    else if (token !== undefined) Object.assign(headers, bearer(token));
    if (plan.body) headers['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(plan.headers)) headers[name] = headerText(this.textOf(value));
    const body =
      plan.body &&
      ('raw' in plan.body ? Buffer.from(plan.body.raw, 'latin1') : JSON.stringify(this.fill(plan.body.json)));
    return { method, path: filled + (query && `?${query}`), headers, body };
  }

  ask(request: RawRequest): Promise<RawAnswer> {
    return sendRaw(this.app.address, request, { agent: this.agent });
  }

  /** As the keeper. */
  async askKeeper(method: string, path: string, body?: object): Promise<any> {
    const headers = { ...bearer(this.keeperToken), ...(body && { 'content-type': 'application/json' }) };
    const answer = await this.ask({ method, path, headers, body: body && JSON.stringify(body) });
    if (answer.status >= 300) throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text}`);
    return jsonOf(answer);
  }

  /** Takes up what an answer tells. */
  learn(path: string, answer: RawAnswer): void {
    if (answer.status >= 300) return;
    const body = jsonOf(answer) as { id?: unknown; items?: { id?: unknown; name?: unknown }[] } | undefined;
    const collection = path.split('?', 1)[0] as string;
    for (const id of [body?.id, ...(body?.items ?? []).map((item) => item.id ?? item.name)]) this.keep(collection, id);
    this.learnFields(body);
  }

  /** After a request that may have ended the session of its actor, disabled or removed them: they get another one. */
  async restore({ actor }: RequestPlan, { method }: Operation, { status }: RawAnswer): Promise<void> {
    if (method !== 'GET' && status < 300) this.suspects.add('admin').add('viewer');
    if (status === 401) this.suspects.add(actor);
    if (actor === 'nobody' || !this.suspects.has(actor)) return;
    this.suspects.delete(actor);
    const me = await this.ask({ method: 'GET', path: '/api/me', headers: bearer(this.tokens.get(actor) as string) });
    const roles =
      me.status === 200
        ? (jsonOf(me) as { rights: { role: string; scope: { type: string } }[]; mustChangePassword: boolean })
        : null;
    const isWhole =
      roles?.rights.some(({ role, scope }) => role === actor && scope.type === 'all') && !roles.mustChangePassword;
    if (!isWhole) await this.renew(actor);
  }

  private async signInKeeper(): Promise<void> {
    this.keeperToken = await this.signIn('admin', KEEPER_PASSWORD);
    const { id } = await this.askKeeper('GET', '/api/me');
    this.untouchable.add(id as string);
    for (const grant of (await this.askKeeper('GET', `/api/grants?userId=${id}`)).items as { id: string }[])
      this.untouchable.add(grant.id);
  }

  private async renew(actor: Actor): Promise<void> {
    const username = `${actor}-${++this.users}`;
    const { id } = await this.askKeeper('POST', '/api/users', { username, password: PASSWORD });
    await this.askKeeper('POST', '/api/grants', { subject: { type: 'user', id }, role: actor, scope: { type: 'all' } });
    this.tokens.set(actor, await this.signIn(username, PASSWORD));
    this.keep('/api/users', id);
    const headers = bearer(this.tokens.get(actor) as string);
    this.learn('/api/sessions', await this.ask({ method: 'GET', path: '/api/sessions', headers }));
    const token = {
      name: username,
      permissions: ['servers:read'],
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
    };
    await this.make('/api/tokens', token, this.tokens.get(actor) as string);
  }

  private async signIn(username: string, password: string): Promise<string> {
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': this.nextAddress() };
    const answer = await this.ask({
      method: 'POST',
      path: '/api/login',
      headers,
      body: JSON.stringify({ username, password }),
    });
    if (answer.status !== 200) throw new Error(`sign-in of ${username} was answered ${answer.status}: ${answer.text}`);
    return (jsonOf(answer) as { token: string }).token;
  }

  private async make(path: string, body: object, token: string): Promise<unknown> {
    const headers = { ...bearer(token), 'content-type': 'application/json' };
    const answer = await this.ask({ method: 'POST', path, headers, body: JSON.stringify(body) });
    if (answer.status !== 201) throw new Error(`POST ${path} was answered ${answer.status}: ${answer.text}`);
    this.learn(path, answer);
    return jsonOf(answer);
  }

  private learnFields(value: unknown, parent = ''): void {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      this.learnFields(member, Array.isArray(value) ? parent : name);
      this.keep(name === 'nextCursor' ? 'cursor' : name, member);
      if (parent) this.keep(`${parent}.${name}`, member);
    }
  }

  private keep(name: string, value: unknown): void {
    if (typeof value !== 'string' || this.untouchable.has(value) || value.length > 2_000) return;
    const known = this.values.get(name) ?? [];
    if (!known.includes(value)) this.values.set(name, [...known, value].slice(-KEPT));
  }

  private fill(value: unknown): unknown {
    if (value instanceof Remembered) return this.recall(value);
    if (Array.isArray(value)) return value.map((member) => this.fill(member));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.fill(member)]));
  }

  private recall({ name, pick, otherwise }: Remembered): string {
    const known = this.values.get(name) ?? [];
    return known.at(-1 - (pick % Math.max(1, known.length))) ?? otherwise;
  }

  private textOf(value: unknown): string {
    if (typeof value === 'string') return value;
    if (value instanceof Remembered) return this.recall(value);
    return JSON.stringify(this.fill(value)) ?? 'undefined';
  }

  /** Sign-ins that fail are held back by address; the run is about other things. */
  private nextAddress(): string {
    const count = ++this.requests;
    return `10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`;
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** Lone surrogates have no encoding; what they look like when programs get it wrong has. */
function encode(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80';
}

/** What the client can send as a header: bytes without control characters. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\u00ff]/g, '?').slice(0, 8_000);
}
