import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { ADMIN_PASSWORD } from '../harness.js';
import { jsonOf, sendRaw } from '../support/raw-http.js';
import type { PostgresService } from './services.js';

const MAIN = 'dist/apps/api/src/main.js';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;

  body: any;
  text: string;
  ms: number;
}

export interface CallOptions {
  token?: string;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

/** A process of the built application. */
export interface Replica {
  readonly child: ChildProcess;
  /** Like `http://127.0.0.1:40123`; empty when it ended before it listened. */
  readonly address: string;
  /** Everything that it wrote. */
  output(): string;
  /** Exit code or signal; null while it runs. */
  ended(): number | string | null;
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Answer>;
  /** Signs in; throws when refused. */
  signIn(username?: string, password?: string): Promise<string>;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string>;
}

/** `id:base64` of a new encryption key. */
export function newKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/** Processes that a test started, so that none is left behind. */
export class Replicas {
  private readonly started: Replica[] = [];
  private readonly directory = mkdtempSync(join(tmpdir(), 'einfra-replicas-'));
  readonly environment: Record<string, string>;

  constructor(environment: Record<string, string>) {
    this.environment = {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      EINFRA_DATA_DIR: this.directory,
      ENCRYPTION_KEYS: newKey('k1'),
      ADMIN_PASSWORD,
      LOG_LEVEL: 'warn',
      RATE_LIMIT: '0',
      ...environment,
    };
  }

  /** Starts one and waits until it listens or ends. */
  async start(environment: Record<string, string> = {}): Promise<Replica> {
    const env = { ...this.environment, ...environment };
    const child = spawn(process.execPath, [MAIN], { env });
    const replica = new RunningReplica(child);
    this.started.push(replica);
    await replica.listening();
    return replica;
  }

  /** Runs another program of the application to its end. */
  async run(program: string, environment: Record<string, string> = {}): Promise<{ code: number; output: string }> {
    const child = spawn(process.execPath, [`dist/apps/api/src/${program}`], {
      env: { ...this.environment, ...environment },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  async endAll(): Promise<void> {
    await Promise.all(this.started.splice(0).map((replica) => replica.end('SIGKILL')));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

class RunningReplica implements Replica {
  address = '';
  private text = '';
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(readonly child: ChildProcess) {
    process.once('exit', this.kill);
    child.once('exit', () => process.off('exit', this.kill));
  }

  output(): string {
    return this.text;
  }

  ended(): number | string | null {
    return this.child.exitCode ?? this.child.signalCode;
  }

  listening(): Promise<void> {
    return new Promise((resolve) => {
      const read = (chunk: Buffer): void => {
        this.text += chunk.toString();
        this.address ||= /listens on (http:\S+)/.exec(this.text)?.[1] ?? '';
        if (this.address) resolve();
      };
      this.child.stdout?.on('data', read);
      this.child.stderr?.on('data', read);
      this.child.once('close', () => resolve());
    });
  }

  async call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    const { token, timeoutMs = 10_000 } = options;
    const headers: Record<string, string> = { ...options.headers };
    if (token) headers['authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const request = { method, path, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const answer = await sendRaw(this.address, request, { agent: this.agent, timeoutMs });
    return { ...answer, body: jsonOf(answer) };
  }

  async signIn(username = 'admin', password = ADMIN_PASSWORD): Promise<string> {
    const answer = await this.call('POST', '/api/login', { username, password });
    if (answer.status !== 200) throw new Error(`sign-in of ${username} failed: ${answer.status} ${answer.text}`);
    return answer.body.token as string;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string> {
    const running = this.ended() === null;
    if (running) {
      this.child.kill(signal);
      await once(this.child, 'exit');
    }
    this.agent.destroy();
    return this.ended() as number | string;
  }

  private readonly kill = (): void => void this.child.kill('SIGKILL');
}

/** Makes an empty database and answers its url. */
export async function newDatabase(server: PostgresService): Promise<string> {
  const name = `einfra_${randomBytes(6).toString('hex')}`;
  await sql(server.url, `CREATE DATABASE ${name}`);
  const url = new URL(server.url);
  url.pathname = name;
  return url.href;
}

/** Runs one statement on a connection of its own. */
export async function sql<Row = any>(
  connectionString: string,
  statement: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(statement, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Asks until the answer is as wanted; answers how long that took, in ms. Throws when it takes longer than `limitMs`. */
export async function until(what: string, isSo: () => Promise<boolean>, limitMs: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - started;
    if (performance.now() - started > limitMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await pause(50);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sends requests one after the other in several lanes until it is stopped; answers what came back, broken connections as status 0. */
export class Load {
  readonly answers: { status: number; ms: number; at: number; text: string }[] = [];
  private stopped = false;
  private readonly lanes: Promise<void>[];

  constructor(lanes: number, send: (lane: number, turn: number) => Promise<Answer>, pauseMs = 5) {
    this.lanes = Array.from({ length: lanes }, (_, lane) => this.run(lane, send, pauseMs));
  }

  async stop(): Promise<this> {
    this.stopped = true;
    await Promise.all(this.lanes);
    return this;
  }

  /** How many answers there were of each status. */
  statuses(): Record<number, number> {
    const counts: Record<number, number> = {};
    for (const { status } of this.answers) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  slowestMs(): number {
    return Math.max(0, ...this.answers.map(({ ms }) => ms));
  }

  private async run(
    lane: number,
    send: (lane: number, turn: number) => Promise<Answer>,
    pauseMs: number,
  ): Promise<void> {
    for (let turn = 0; !this.stopped; turn++) {
      const at = performance.now();
      const answer = await send(lane, turn).catch((error: Error) => ({
        status: 0,
        ms: performance.now() - at,
        text: error.message,
      }));
      this.answers.push({ status: answer.status, ms: answer.ms, at, text: answer.text });
      await pause(pauseMs);
    }
  }
}
