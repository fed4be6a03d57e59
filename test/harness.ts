import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AppConfig, loadConfig } from '#core';
import { createApp } from '../apps/api/src/app.js';

/** Password of `admin` in every test application. */
export const ADMIN_PASSWORD = 'correct horse battery staple';

/** Streams of events that have begun are left after this time. */
const STREAM_MS = 1_000;

/** What a request answered; `body` is parsed JSON where it is JSON. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;

  body: any;
  text: string;
}

export interface RequestOptions {
  /** Bearer token; the administrator's unless given; null sends none. */
  token?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A whole application for tests, with its own database. */
export interface TestApp {
  app: NestFastifyApplication;
  config: AppConfig;
  /** Access token of `admin`. */
  adminToken: string;
  request(method: string, url: string, options?: RequestOptions): Promise<Answer>;
  get(url: string, options?: RequestOptions): Promise<Answer>;
  post(url: string, body?: unknown, options?: RequestOptions): Promise<Answer>;
  patch(url: string, body?: unknown, options?: RequestOptions): Promise<Answer>;
  delete(url: string, options?: RequestOptions): Promise<Answer>;
  /** Signs in; the answer's token. Fails the test when refused. */
  signIn(username: string, password?: string): Promise<string>;
  /** Makes a user with a role (on everything unless a scope is given) and signs in as them. */
  user(username: string, role?: string, scope?: object): Promise<{ id: string; token: string }>;
  close(): Promise<void>;
}

/** Starts an application on an embedded database in memory, or on `environment.DATABASE_URL`. No rate limits unless set. */
export async function startApp(
  environment: Record<string, string> = {},
  options: { dataDir?: string | null } = {},
): Promise<TestApp> {
  const config = loadConfig({
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    RATE_LIMIT: '0',
    ADMIN_PASSWORD,
    ...environment,
  });
  if (config.encryptionKeys.length === 0) config.encryptionKeys.push({ id: 'test', key: randomBytes(32) });
  const app = await createApp(config, { dataDir: options.dataDir ?? null });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  const started = new RunningApp(app, config);
  started.adminToken = await started.signIn('admin', config.adminPassword ?? ADMIN_PASSWORD);
  return started;
}

/** The whole answer; of one that does not end by itself (a stream of events) what comes at first. */
async function textOf(stream: Readable, leave: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  const timer = setTimeout(leave, STREAM_MS);
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'LIGHT_ECONNRESET') throw error;
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString();
}

class RunningApp implements TestApp {
  adminToken = '';

  constructor(
    readonly app: NestFastifyApplication,
    readonly config: AppConfig,
  ) {}

  async request(
    method: string,
    url: string,
    { token = this.adminToken, body, headers = {} }: RequestOptions = {},
  ): Promise<Answer> {
    const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const response = await this.app.inject({
      method: method as 'GET',
      url,
      headers: { ...authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      payload: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      payloadAsStream: true,
    });
    const text = await textOf(response.stream(), () => response.raw.res.destroy());
    const isJson =
      /json/.test(String(response.headers['content-type'])) && !/ndjson/.test(String(response.headers['content-type']));
    return {
      status: response.statusCode,
      headers: response.headers,
      body: isJson && text ? JSON.parse(text) : undefined,
      text,
    };
  }

  get(url: string, options?: RequestOptions): Promise<Answer> {
    return this.request('GET', url, options);
  }

  post(url: string, body?: unknown, options?: RequestOptions): Promise<Answer> {
    return this.request('POST', url, { ...options, body });
  }

  patch(url: string, body?: unknown, options?: RequestOptions): Promise<Answer> {
    return this.request('PATCH', url, { ...options, body });
  }

  delete(url: string, options?: RequestOptions): Promise<Answer> {
    return this.request('DELETE', url, options);
  }

  async signIn(username: string, password = ADMIN_PASSWORD): Promise<string> {
    const answer = await this.post('/api/login', { username, password }, { token: null });
    if (answer.status !== 200) throw new Error(`sign-in of ${username} failed: ${answer.status} ${answer.text}`);
    return answer.body.token as string;
  }

  async user(username: string, role?: string, scope: object = { type: 'all' }): Promise<{ id: string; token: string }> {
    const password = `${username} has a long password`;
    const made = await this.post('/api/users', {
      username,
      password,
      displayName: username,
      mustChangePassword: false,
    });
    if (made.status !== 201) throw new Error(`user ${username} was not made: ${made.status} ${made.text}`);
    const id = made.body.id as string;
    if (role) {
      const granted = await this.post('/api/grants', { subject: { type: 'user', id }, role, scope });
      if (granted.status !== 201)
        throw new Error(`grant for ${username} was not made: ${granted.status} ${granted.text}`);
    }
    return { id, token: await this.signIn(username, password) };
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
