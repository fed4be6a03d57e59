import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_PASSWORD } from './harness.js';

const MAIN = 'dist/apps/api/src/main.js';

/** A started process of the built application. */
interface Process {
  child: ChildProcess;
  address: string;
  output: () => string;
}

const started: ChildProcess[] = [];

/** Starts the built application and waits until it says where it listens, or ends. */
async function start(dataDir: string, environment: Record<string, string> = {}): Promise<Process> {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      EINFRA_DATA_DIR: dataDir,
      ADMIN_PASSWORD,
      LOG_LEVEL: 'warn',
      RATE_LIMIT: '0',
      ...environment,
    },
  });
  started.push(child);
  let output = '';
  const address = await new Promise<string>((resolve) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /listens on (http:\S+)/.exec(output)?.[1];
      if (found) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', () => resolve(''));
  });
  return { child, address, output: () => output };
}

async function call(
  address: string,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
): Promise<{ status: number; body: any }> {
  const response = await fetch(address + path, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    body: body ? JSON.stringify(body) : undefined,
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : undefined };
}

async function signIn(address: string): Promise<string> {
  return (await call(address, 'POST', '/api/login', undefined, { username: 'admin', password: ADMIN_PASSWORD })).body
    .token as string;
}

describe('the built application as a process', () => {
  let dataDir: string;

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'einfra-'));
  });

  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('starts, says where, is ready, and ends cleanly on SIGTERM', async () => {
    const { child, address, output } = await start(dataDir);
    expect(output()).toContain(`${address}/api/docs`);
    expect((await call(address, 'GET', '/health/live')).status).toBe(200);
    expect((await call(address, 'GET', '/health/ready')).body.status).toBe('ok');
    expect((await call(address, 'GET', '/api/openapi.json')).body.openapi).toMatch(/^3\.1/);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  });

  it('prints a generated password once, which must be changed', async () => {
    const first = await start(dataDir, { ADMIN_PASSWORD: '' });
    const password = /password (\S+)/.exec(first.output())?.[1];
    const answer = await call(first.address, 'POST', '/api/login', undefined, { username: 'admin', password });
    expect(answer.body.mustChangePassword).toBe(true);
    expect((await call(first.address, 'GET', '/api/servers', answer.body.token as string)).body.code).toBe(
      'password_change_required',
    );
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
    const second = await start(dataDir, { ADMIN_PASSWORD: '' });
    expect(second.output()).not.toContain(password);
  });

  it('lists all mistakes of the configuration and ends with 78', async () => {
    const { child, output } = await start(dataDir, { PORT: 'eighty', RATE_LIMIT: 'none' });
    expect(child.exitCode ?? ((await once(child, 'exit')) as [number])[0]).toBe(78);
    expect(output()).toMatch(/PORT .*\n.*RATE_LIMIT /);
    expect(output()).not.toMatch(/\n\s+at /);
  });

  it('refuses a second process on the same directory', async () => {
    await start(dataDir);
    const second = await start(dataDir);
    expect(second.address).toBe('');
    expect(second.output()).toMatch(/Another process uses the embedded database/);
  });

  it('refuses to start with another encryption key, saying which', async () => {
    const key = (fill: number): string => `k1:${Buffer.alloc(32, fill).toString('base64')}`;
    const first = await start(dataDir, { ENCRYPTION_KEYS: key(1) });
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
    const second = await start(dataDir, { ENCRYPTION_KEYS: key(2) });
    expect(second.output()).toContain('“k1”');
    expect(second.child.exitCode ?? ((await once(second.child, 'exit')) as [number])[0]).toBe(78);
  });

  it('loses nothing that was answered when it is killed in the middle of writes, and the chain verifies', async () => {
    const answered: string[] = [];
    for (let round = 0; round < Number(process.env['KILL_ROUNDS'] ?? 3); round++) {
      const { child, address } = await start(dataDir);
      const token = await signIn(address);
      const writer = async (lane: number): Promise<void> => {
        for (let i = 0; ; i++) {
          const name = `server-${round}-${lane}-${i}`;
          const answer = await call(address, 'POST', '/api/servers', token, { name }).catch(() => null);
          if (answer === null) return;
          if (answer.status === 201) answered.push(name);
        }
      };
      const writers = [writer(0), writer(1), writer(2), writer(3)];
      // killed while others are under way, at another place in each round
      const enough = answered.length + 8 + (round % 7) * 5;
      while (answered.length < enough) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      await Promise.all(writers);
    }
    const { address } = await start(dataDir);
    const token = await signIn(address);
    expect(answered.length).toBeGreaterThan(10);
    const kept = new Set<string>();
    for (let page = 1; ; page++) {
      const answer = await call(address, 'GET', `/api/servers?pageSize=100&page=${page}`, token);
      for (const server of answer.body.items as { name: string }[]) kept.add(server.name);
      if (page * 100 >= answer.body.total) break;
    }
    expect(answered.filter((name) => !kept.has(name))).toEqual([]);
    expect((await call(address, 'GET', '/api/audit/verify', token)).body).toMatchObject({
      valid: true,
      firstInvalid: null,
    });
  }, 300_000);
});
