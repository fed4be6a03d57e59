import { randomBytes } from 'node:crypto';
import { CANARY, type Output, type Secret } from './secret-search.js';
import { type RawAnswer, jsonOf, type RawRequest, sendRaw } from './raw-http.js';

/** Puts secrets where they belong and where they don't, and gathers what is answered. */
export class SecretScenario {
  readonly secrets: Secret[] = [];
  readonly outputs: Output[] = [];
  /** Texts around a password of which everything else is known: bodies, also as the application digests them. */
  readonly guessable: string[] = [];

  constructor(
    private readonly address: string,
    private readonly adminPassword: string,
  ) {
    this.secrets.push({ name: 'the administrator’s password', value: adminPassword });
  }

  /** A password never given out before. Quotes and umlauts stand outside of what is searched, since formats change them. */
  private password(name: string): string {
    const value = `Planted-${randomBytes(9).toString('hex')}`;
    this.secrets.push({ name, value });
    const password = `"&ü${value}`;
    this.guessable.push(password, value);
    return password;
  }

  /** Everything below, as an administrator. */
  async play(): Promise<void> {
    const admin = await this.signIn('admin', this.adminPassword);
    await this.signInWrongly();
    await this.managePeople(admin.token);
    await this.refresh(admin.refreshToken);
    await this.useApiToken(admin.token);
    const token = await this.again();
    await this.registerServers(token);
    await this.misplace(token);
    await this.readEverything(token);
  }

  private async signInWrongly(): Promise<void> {
    const login = (body: unknown, more: Partial<RawRequest> = {}): Promise<RawAnswer> =>
      this.post('/api/login', body, more);
    await login({ username: 'admin', password: this.password('a wrong password') });
    await login({ username: 'nobody', password: this.password('a password of nobody') });
    await login({ username: 'admin', password: [this.password('a password in a list')] });
    await login({ username: 'admin', password: { value: this.password('a password in an object') } });
    await login({ username: 'admin', password: this.password('a long password').padEnd(300, '!') });
    await login({ username: 'admin', passwort: this.password('a password under a wrong name') });
    await login(`{"username":"admin","password":"${this.password('a password in broken JSON').slice(3)}`);
    await login(`{"password":${this.password('a password without quotes').slice(3)}}`);
    await login(`{"__proto__":{"password":"${this.password('a password in a prototype').slice(3)}"}}`);
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    await login(`username=admin&password=${encodeURIComponent(this.password('a password in a form'))}`, form);
    await login({}, { path: `/api/login?password=${encodeURIComponent(this.password('a password in the query'))}` });
    const typed = this.password('a wrong password in the user agent').slice(3);
    await login({ username: 'admin', password: typed }, { headers: { 'user-agent': `script --password ${typed}` } });
  }

  private async managePeople(token: string): Promise<void> {
    const first = this.password('the password of a new user');
    // without what can't be in a header: it is also put there
    const second = this.password('a password that was reset').slice(3);
    const idempotent = { headers: { 'idempotency-key': 'new-user' } };
    const made = await this.post(
      '/api/users',
      { username: 'robin', password: first, mustChangePassword: true },
      idempotent,
      token,
    );
    await this.post('/api/users', { username: 'robin', password: first, mustChangePassword: true }, idempotent, token);
    await this.post(
      '/api/users',
      { username: 'robin', password: this.password('another password for the same key') },
      idempotent,
      token,
    );
    await this.post(
      '/api/users',
      { username: 'x', password: this.password('the password of an invalid user'), email: '@' },
      {},
      token,
    );
    await this.post(
      '/api/users',
      { username: 'robin', password: this.password('the password of a taken name') },
      {},
      token,
    );
    const { id } = jsonOf(made) as { id: string };
    await this.ask({
      method: 'PATCH',
      path: `/api/users/${id}`,
      headers: json(token),
      body: JSON.stringify({ password: second }),
    });
    const robin = await this.signIn('robin', second, { 'user-agent': `login.sh robin ${second}` });
    const [wrong, next] = [this.password('a wrong current password'), this.password('a password chosen anew')];
    await this.post('/api/me/password', { currentPassword: wrong, newPassword: next }, {}, robin.token);
    await this.post('/api/me/password', { currentPassword: second, newPassword: next, old: second }, {}, robin.token);
    await this.post('/api/me/password', { currentPassword: second, newPassword: next }, {}, robin.token);
    await this.signIn('robin', next);
  }

  private async refresh(refreshToken: string): Promise<void> {
    const answer = await this.post('/api/token/refresh', { refreshToken }, { mayHandOut: true });
    const next = this.noteTokens(answer, 'of a refresh');
    await this.post('/api/token/refresh', { refreshToken: next.refreshToken.slice(0, -2) });
    await this.post('/api/token/refresh', { refreshToken: `${next.refreshToken}${'x'.repeat(5_000)}` });
    await this.post('/api/token/refresh', { token: next.refreshToken });
    await this.post('/api/token/refresh', { refreshToken: next.refreshToken }, { mayHandOut: true }).then((last) =>
      this.noteTokens(last, 'of a second refresh'),
    );
    await this.post('/api/token/refresh', { refreshToken });
  }

  private async useApiToken(adminToken: string): Promise<void> {
    const admin = await this.signIn('admin', this.adminPassword);
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const body = { name: 'script', permissions: ['servers:read', 'servers:write'], expiresAt };
    const idempotent = { headers: { 'idempotency-key': 'new-token' } };
    const made = await this.post('/api/tokens', body, { ...idempotent, mayHandOut: true }, admin.token);
    const { id, token } = jsonOf(made) as { id: string; token: string };
    this.handedOut(made, [{ name: 'an API token', value: token.slice(-43) }]);
    await this.post('/api/tokens', body, idempotent, admin.token);
    await this.get('/api/servers', token);
    await this.get('/api/users', token);
    await this.post(
      '/api/servers',
      { name: 'from-a-script' },
      { headers: { 'user-agent': `curl ${token}`, 'x-request-id': token } },
      token,
    );
    await this.post('/api/servers', { name: 'from-a-script', [token]: 1 }, {}, token);
    const places: [header: string, value: string][] = [
      ['cookie', `token=${token}`],
      ['x-api-key', token],
      ['authorization', token],
      ['authorization', `Token ${token}`],
    ];
    for (const [header, value] of places)
      await this.ask({ method: 'GET', path: '/api/me', headers: { [header]: value } });
    for (const path of [
      `/api/me?token=${token}`,
      `/api/servers?access_token=${token}`,
      `/api/tokens/${token}`,
      `/${token}`,
      `/api/${token}%`,
    ])
      await this.get(path, admin.token);
    await this.ask({ method: 'DELETE', path: `/api/tokens/${id}`, headers: json(admin.token) });
    await this.get('/api/servers', token);
    await this.get(`/api/me?token=${adminToken}`, `${adminToken}x`);
  }

  private async registerServers(token: string): Promise<void> {
    const at = (name: string): string => `http://root:${this.password(name).slice(3)}@127.0.0.1:9/metrics`;
    const named = (name: string, source: object): object => ({ name, source: { type: 'node-exporter', ...source } });
    const url = 'http://127.0.0.1:9/metrics';
    await this.post('/api/servers', { name: 'plain', description: CANARY, source: { type: 'none' } }, {}, token);
    await this.post('/api/servers', named('a', { url: at('a password in the URL of a server') }), {}, token);
    await this.post('/api/servers/test', named('b', { url: at('a password in the URL of a test') }), {}, token);
    await this.post(
      '/api/servers',
      named('c', { url, password: this.password('the password of a source') }),
      {},
      token,
    );
    await this.post(
      '/api/servers',
      { name: 'd', credentials: { token: this.password('the token of a server') } },
      {},
      token,
    );
    await this.post(
      '/api/servers',
      { name: 'e', source: { type: `x${this.password('a kind of source')}` } },
      {},
      token,
    );
  }

  private async misplace(token: string): Promise<void> {
    const basic = Buffer.from(`admin:${this.password('a password in Basic')}`).toString('base64');
    await this.ask({ method: 'GET', path: '/api/me', headers: { authorization: `Basic ${basic}` } });
    const bearer = this.password('a password as Bearer').slice(3);
    await this.ask({ method: 'GET', path: '/api/me', headers: { authorization: `Bearer ${bearer}` } });
    for (const place of ['/api/audit', '/api/servers', '/health/ready', '/metrics', '/api/docs', '/nowhere']) {
      await this.get(`${place}?secret=${this.password(`a secret in the query of ${place}`).slice(3)}`, token);
    }
    // a word that is searched for comes back in the links of its own answer and nowhere else
    const q = this.password('a word that was searched for').slice(3);
    await this.get(`/api/servers?q=${q}`, token, [this.secrets.at(-1)!.name]);
  }

  private async readEverything(token: string): Promise<void> {
    const lists = ['users', 'sessions', 'tokens', 'servers', 'grants', 'roles', 'teams', 'audit?limit=100'].map(
      (list) => `/api/${list}`,
    );
    for (const path of [
      ...lists,
      '/api/me',
      '/api/audit/export',
      '/api/audit/export?format=csv',
      '/metrics',
      '/api/openapi.json',
    ])
      await this.get(path, token);
  }

  /** Another access token of the administrator: refresh tokens that were used twice have ended the first session. */
  private async again(): Promise<string> {
    return (await this.signIn('admin', this.adminPassword)).token;
  }

  private async signIn(
    username: string,
    password: string,
    headers: Record<string, string> = {},
  ): Promise<{ token: string; refreshToken: string }> {
    const answer = await this.post('/api/login', { username, password }, { headers, mayHandOut: true });
    if (answer.status !== 200) throw new Error(`${username} was not signed in: ${answer.text}`);
    return this.noteTokens(answer, `of ${username}’s sign-in ${this.outputs.length}`);
  }

  private noteTokens(answer: RawAnswer, what: string): { token: string; refreshToken: string } {
    const { token, refreshToken } = jsonOf(answer) as { token: string; refreshToken: string };
    this.handedOut(answer, [
      { name: `the access token ${what}`, value: token.slice(-43) },
      { name: `the refresh token ${what}`, value: refreshToken.slice(-43) },
    ]);
    return { token, refreshToken };
  }

  private handedOut(answer: RawAnswer, secrets: Secret[]): void {
    this.secrets.push(...secrets);
    const output = this.outputs.at(-1) as Output;
    if (!String(output.content).includes(answer.text)) throw new Error('not the last answer');
    output.handedOut = secrets.map(({ name }) => name);
  }

  private get(path: string, token: string, handedOut?: string[]): Promise<RawAnswer> {
    return this.ask({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } }, handedOut);
  }

  private post(
    path: string,
    body: unknown,
    more: Partial<RawRequest> & { mayHandOut?: boolean } = {},
    token?: string,
  ): Promise<RawAnswer> {
    const { mayHandOut: _, headers, ...others } = more;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.ask({ method: 'POST', path, headers: { ...json(token), ...headers }, body: text, ...others });
  }

  private async ask(request: RawRequest, handedOut?: string[]): Promise<RawAnswer> {
    const answer = await sendRaw(this.address, request);
    if (request.body)
      this.guessable.push(String(request.body), `[${JSON.stringify(request.path)},${String(request.body)}]`);
    const content = `${answer.status} ${JSON.stringify(answer.headers)}\n${answer.text}`;
    this.outputs.push({
      name: `the answer ${answer.status} to ${request.method} ${request.path.slice(0, 40)}`,
      content,
      handedOut,
    });
    return answer;
  }
}

function json(token?: string): Record<string, string> {
  return { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
}
