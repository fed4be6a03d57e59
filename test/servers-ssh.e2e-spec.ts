import { createServer as createTls } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { DataSource } from 'typeorm';
import WebSocket from 'ws';
import { type Answer, startApp, type TestApp } from './harness.js';
import { fingerprint, makeKey, type SshdOptions, type SshdStub, startSilence, startSshd } from './stubs/sshd.js';
import { fakeSystemd, type FakeSystemd } from './stubs/systemd.js';

const PASSWORD = 'a password for the ssh user';

let api: TestApp;
let base: string;
const stubs: { close(): unknown }[] = [];

beforeAll(async () => {
  api = await startApp({ UPSTREAM_TIMEOUT: '3', SCRAPE_INTERVAL: '5' });
  await api.app.listen(0, '127.0.0.1');
  base = `127.0.0.1:${(api.app.getHttpServer().address() as AddressInfo).port}`;
}, 60_000);

afterAll(async () => {
  await api.close();
  for (const stub of stubs) await stub.close();
});

let counter = 0;
const unique = (): string => `ssh-${++counter}`;

async function sshd(options: SshdOptions = {}): Promise<SshdStub> {
  const stub = await startSshd({ password: PASSWORD, ...options });
  stubs.push(stub);
  return stub;
}

const at = (stub: { port: number }, fields: object = {}): object => ({
  host: '127.0.0.1',
  port: stub.port,
  username: 'einfra',
  password: PASSWORD,
  ...fields,
});

async function register(ssh: object, fields: object = {}): Promise<Answer['body']> {
  const answer = await api.post('/api/servers', { name: unique(), ssh, ...fields });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body;
}

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const exec = (id: string, body: object): Promise<Answer> => api.post(`/api/servers/${id}/exec`, body);
const read = async (id: string): Promise<Answer['body']> => (await api.get(`/api/servers/${id}`)).body;

describe('the credentials of a server', () => {
  it('are never shown, and stay when they are left out', async () => {
    const stub = await sshd();
    const key = makeKey('open sesame');
    const made = await register(at(stub, { privateKey: key.private, passphrase: 'open sesame' }));
    const shown = {
      host: '127.0.0.1',
      port: stub.port,
      username: 'einfra',
      hasPrivateKey: true,
      hasPassphrase: true,
      hasPassword: true,
    };
    expect(made.ssh).toEqual({ ...shown, hostKey: null, jump: null });
    const changed = await api.patch(`/api/servers/${made.id}`, { ssh: { privateKey: null } });
    expect(changed.body.ssh).toMatchObject({ hasPrivateKey: false, hasPassphrase: false, hasPassword: true });
    expect((await exec(made.id, { command: ['echo', 'still here'] })).body.stdout).toBe('still here\n');
    const texts = [
      JSON.stringify(made),
      changed.text,
      (await api.get('/api/servers')).text,
      (await api.get('/api/audit')).text,
    ];
    for (const text of texts) {
      for (const secret of [PASSWORD, 'open sesame', 'PRIVATE KEY']) expect(text).not.toContain(secret);
    }
    const [row] = await api.app.get(DataSource).query('SELECT * FROM servers WHERE id = $1', [made.id]);
    expect(JSON.stringify(row)).not.toContain(PASSWORD);
    expect(row.sealed_ssh).toMatch(/^v1\./);
  });

  it('must be given again when they would go elsewhere', async () => {
    const stub = await sshd();
    const { id } = await register(at(stub));
    const jump = at(stub, { host: '127.0.0.2' });
    for (const ssh of [{ host: '127.0.0.9' }, { port: 1 }, { username: 'root' }, { hostKey: stub.hostKey }, { jump }]) {
      const refused = await api.patch(`/api/servers/${id}`, { ssh });
      expect([refused.status, refused.body.code]).toEqual([400, 'credentials_required']);
    }
    const moved = await api.patch(`/api/servers/${id}`, { ssh: { host: 'localhost', password: PASSWORD } });
    expect(moved.body.ssh).toMatchObject({ host: 'localhost', port: stub.port, hasPassword: true });
  });

  it('of the old place do not go along to the new one', async () => {
    const stub = await sshd();
    const { id } = await register(at(stub, { privateKey: makeKey().private }));
    const moved = await api.patch(`/api/servers/${id}`, { ssh: { host: 'localhost', password: PASSWORD } });
    expect(moved.body.ssh).toMatchObject({ hasPrivateKey: false, hasPassword: true });
  });

  it('are checked before they are stored', async () => {
    const locked = makeKey('secret words').private;
    const ssh = (fields: object): object => ({ host: '127.0.0.1', username: 'einfra', ...fields });
    const cases: [object, string][] = [
      [ssh({}), '/ssh/privateKey'],
      [ssh({ privateKey: 'no key' }), '/ssh/privateKey'],
      [ssh({ privateKey: makeKey().public }), '/ssh/privateKey'],
      [ssh({ privateKey: locked }), '/ssh/passphrase'],
      [ssh({ privateKey: locked, passphrase: 'other words' }), '/ssh/passphrase'],
      [{ host: '127.0.0.1', password: PASSWORD }, '/ssh/username'],
      [ssh({ password: PASSWORD, hostKey: 'SHA256:short' }), '/ssh/hostKey'],
      [ssh({ password: PASSWORD, host: '169.254.169.254' }), '/ssh/host'],
      [ssh({ password: PASSWORD, host: 'a b' }), '/ssh/host'],
      [ssh({ password: PASSWORD, jump: { host: '169.254.169.254', username: 'x', password: 'y' } }), '/ssh/jump/host'],
    ];
    for (const [body, pointer] of cases) {
      const answer = await api.post('/api/servers', { name: unique(), ssh: body });
      expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer]);
    }
    const missing = await api.post('/api/servers', { name: unique(), source: { type: 'ssh' } });
    expect([missing.status, missing.body.errors[0].pointer]).toEqual([400, '/ssh']);
  });
});

describe('signing in', () => {
  it('pins the first host key without a new version, and refuses another one', async () => {
    const first = await sshd();
    const made = await register(at(first));
    await exec(made.id, { command: ['true'] });
    expect(await read(made.id)).toMatchObject({ version: 1, ssh: { hostKey: first.hostKey } });
    await first.close();
    await until(async () => (await exec(made.id, { command: ['true'] })).body.detail === 'It could not be reached.');
    const second = await sshd({ port: first.port });
    const refused = await exec(made.id, { command: ['true'] });
    expect([refused.status, refused.body.code]).toEqual([502, 'upstream_error']);
    expect(refused.body.detail).toContain(first.hostKey);
    expect(refused.body.detail).toContain(second.hostKey);
    expect(second.signIns).toBe(0);
    const accepted = await api.patch(`/api/servers/${made.id}`, {
      ssh: { hostKey: second.hostKey, password: PASSWORD },
    });
    expect(accepted.status).toBe(200);
    expect((await exec(made.id, { command: ['true'] })).status).toBe(200);
  });

  it('finds a pinned key that is not the one a server shows first', async () => {
    const stub = await sshd();
    const { id } = await register(at(stub, { hostKey: fingerprint(makeKey().private) }));
    expect((await exec(id, { command: ['true'] })).body.detail).toContain('host key is not the pinned one');
  });

  it('works with a key that has a passphrase, with a password, and with a question', async () => {
    const key = makeKey('open sesame');
    const byKey = await register(
      at(await sshd({ publicKey: key.public }), { password: null, privateKey: key.private, passphrase: 'open sesame' }),
    );
    const byPassword = await register(at(await sshd({ banner: 'Unauthorised use is prohibited.\n' })));
    const byQuestion = await register(at(await sshd({ interactive: true })));
    for (const { id } of [byKey, byPassword, byQuestion])
      expect((await exec(id, { command: ['true'] })).body.exitCode).toBe(0);
  });

  it('fails clearly: wrong password, wrong key, silence, nobody there, no SSH', async () => {
    const stub = await sshd({ publicKey: makeKey().public });
    const silence = await startSilence();
    stubs.push(silence);
    const web = `127.0.0.1:${base.split(':')[1]}`;
    const cases: [object, number, string, RegExp][] = [
      [at(stub, { password: 'wrong password' }), 502, 'upstream_denied', /refused the password of the user einfra/],
      [at(stub, { password: null, privateKey: makeKey().private }), 502, 'upstream_denied', /refused the private key/],
      [at(silence), 504, 'upstream_timeout', /did not answer as an SSH server in time/],
      [at({ port: 1 }), 502, 'upstream_error', /could not be reached/],
      [
        at({ port: Number(web.split(':')[1]) }),
        502,
        'upstream_error',
        /did not answer as an SSH server|closed the connection/,
      ],
    ];
    for (const [ssh, status, code, detail] of cases) {
      const { id } = await register(ssh);
      const answer = await exec(id, { command: ['true'] });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.body.detail).toMatch(detail);
      const tested = await api.post(`/api/servers/${id}/test`);
      expect(tested.body).toMatchObject({ ok: false, problem: { code } });
    }
    const without = await register(null as never);
    expect((await exec(without.id, { command: ['true'] })).body).toMatchObject({ status: 409, code: 'no_ssh' });
  }, 40_000);

  it('can be tried before anything is saved', async () => {
    const stub = await sshd();
    const tested = await api.post('/api/servers/test', { name: unique(), source: { type: 'ssh' }, ssh: at(stub) });
    expect(tested.body).toMatchObject({ ok: true, hostKey: stub.hostKey, problem: null });
  });

  it('goes through a jump host, and ends with it', async () => {
    const jump = await sshd({ username: 'hopper', password: 'password of the jump host', forwards: true });
    const target = await sshd();
    const through = { host: '127.0.0.1', port: jump.port, username: 'hopper', password: 'password of the jump host' };
    const { id } = await register(at(target, { jump: through }));
    expect((await exec(id, { command: ['echo', 'far away'] })).body.stdout).toBe('far away\n');
    expect((await read(id)).ssh).toMatchObject({
      hostKey: target.hostKey,
      jump: { hostKey: jump.hostKey, hasPassword: true },
    });
    expect([jump.signIns, target.signIns]).toEqual([1, 1]);
    jump.cut();
    await until(async () => target.open() === 0);
    expect((await exec(id, { command: ['true'] })).status).toBe(200);
    await api.delete(`/api/servers/${id}`);
    await until(async () => jump.open() + target.open() === 0);
  });
});

describe('commands', () => {
  it('are run with exactly the words that were given', async () => {
    const { id } = await register(at(await sshd()));
    const words = ["it's", '$(id)', '`id`', 'a;b', '"q"', 'new\nline', '*', '', 'ünïcode', '-n'];
    const answer = await exec(id, {
      command: ['printf', '[%s]', ...words],
      environment: { GREETING: "it's $HOME" },
      workingDir: '/tmp',
    });
    expect(answer.body).toEqual({
      exitCode: 0,
      signal: null,
      stdout: words.map((word) => `[${word}]`).join(''),
      stderr: '',
      truncated: false,
    });
    const where = await exec(id, {
      command: ['sh', '-c', 'pwd; echo "$GREETING"; echo oops >&2; exit 7'],
      environment: { GREETING: "it's $HOME" },
      workingDir: '/tmp',
    });
    expect(where.body).toMatchObject({ exitCode: 7, stdout: "/tmp\nit's $HOME\n", stderr: 'oops\n' });
  });

  it('share one connection, also when the server admits one session', async () => {
    const stub = await sshd({ maxSessions: 1 });
    const { id } = await register(at(stub));
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => exec(id, { command: ['sh', '-c', `sleep 0.1; echo ${n}`] })),
    );
    expect(answers.map(({ body }) => body.stdout)).toEqual(['0\n', '1\n', '2\n', '3\n', '4\n', '5\n']);
    expect(stub.signIns).toBe(1);
  });

  it('end at their time limit, by a signal, and with output that is cut', async () => {
    const { id } = await register(at(await sshd()));
    const slow = await exec(id, { command: ['sleep', '30.125'], timeoutSeconds: 1 });
    expect([slow.status, slow.body.code]).toEqual([504, 'upstream_timeout']);
    const left = (): Promise<Answer> => exec(id, { command: ['pgrep', '-f', '^sleep 30[.]125'] });
    await until(async () => (await left()).body.exitCode === 1);
    expect((await exec(id, { command: ['sh', '-c', 'kill -TERM $$'] })).body).toMatchObject({
      exitCode: null,
      signal: 'TERM',
    });
    const long = (await exec(id, { command: ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x'] })).body;
    expect([long.truncated, long.stdout.length, long.exitCode]).toEqual([true, 1024 * 1024, 0]);
  }, 20_000);

  it('fail when the connection breaks in the middle, and the next one connects again', async () => {
    const stub = await sshd();
    const { id } = await register(at(stub));
    await exec(id, { command: ['true'] });
    const running = exec(id, { command: ['sleep', '5'] });
    setTimeout(() => stub.cut(), 300);
    expect((await running).body).toMatchObject({ status: 502, detail: 'The connection broke.' });
    expect((await exec(id, { command: ['true'] })).body.exitCode).toBe(0);
    expect(stub.signIns).toBe(2);
  });

  it('are for administrators, and audited without their arguments', async () => {
    const { id } = await register(at(await sshd()));
    const { token } = await api.user(unique(), 'operator');
    expect((await api.post(`/api/servers/${id}/exec`, { command: ['true'] }, { token })).status).toBe(403);
    await exec(id, { command: ['echo', 'hidden-argument'], environment: { SECRET_VALUE: 'hidden-value' } });
    const audit = await api.get(`/api/audit?resourceId=${id}&action=server.exec&outcome=succeeded`);
    expect(audit.body.items[0]).toMatchObject({ action: 'server.exec', after: { command: 'echo' } });
    expect(audit.text).not.toMatch(/hidden-/);
  });

  it('are refused when they are no commands', async () => {
    const { id } = await register(at(await sshd()));
    for (const body of [
      { command: [] },
      { command: [''] },
      { command: ['-c'] },
      { command: ['a=b'] },
      { command: ['x'], environment: { 'A B': 'c' } },
      { command: ['x'], user: '-u' },
      { command: ['x'], workingDir: 'tmp' },
    ]) {
      expect((await exec(id, body)).status).toBe(400);
    }
  });

  it('lose their connection when the server is changed or removed', async () => {
    const stub = await sshd();
    const { id } = await register(at(stub));
    await exec(id, { command: ['true'] });
    expect(stub.open()).toBe(1);
    await api.patch(`/api/servers/${id}`, { ssh: { password: 'another password' } });
    await until(async () => stub.open() === 0);
    await api.patch(`/api/servers/${id}`, { ssh: { password: PASSWORD } });
    await exec(id, { command: ['true'] });
    await api.delete(`/api/servers/${id}`);
    await until(async () => stub.open() === 0);
  });
});

describe('metrics over SSH', () => {
  it('are read, with facts, past noise of the login shell', async () => {
    const stub = await sshd({ noise: 'Welcome!\n@@einfra:nonsense\nYou have mail.' });
    const { id } = await register(at(stub), { source: { type: 'ssh' } });
    const sample = await until(async () => {
      const answer = await api.get(`/api/servers/${id}/metrics`);
      return answer.status === 200 && answer.body.cpuPercent !== null && answer.body;
    });
    expect(sample.memoryPercent).toBeGreaterThan(0);
    const server = await read(id);
    expect(server).toMatchObject({ status: 'online', kernel: expect.stringMatching(/^\d/), os: expect.any(String) });
    expect(server.cpuCores).toBeGreaterThan(0);
    expect(stub.signIns).toBe(1);
  }, 30_000);

  it('come from a server that only runs the reading command, which refuses the rest', async () => {
    const stub = await sshd({ forced: '/bin/sh -c "$SSH_ORIGINAL_COMMAND"' });
    const { id } = await register(at(stub));
    expect((await api.post(`/api/servers/${id}/test`)).body.ok).toBe(true);
    const { READ_SCRIPT } = await import('../libs/servers/src/ssh/read-command.js');
    const restricted = await sshd({ forced: READ_SCRIPT });
    const limited = await register(at(restricted));
    expect((await api.post(`/api/servers/${limited.id}/test`)).body.ok).toBe(true);
    const refused = await exec(limited.id, { command: ['true'] });
    expect([refused.status, refused.body.code]).toEqual([409, 'restricted_ssh']);
    const other = await register(at(await sshd({ forced: 'echo no' })));
    expect((await api.post(`/api/servers/${other.id}/test`)).body).toMatchObject({
      ok: false,
      problem: { code: 'upstream_error' },
    });
  });

  it('show why they can not be read', async () => {
    const stub = await sshd({ password: 'something else entirely' });
    const { id } = await register(at(stub), { source: { type: 'ssh' } });
    const server = await until(async () => {
      const found = await read(id);
      return found.status === 'offline' && found;
    });
    expect(server.statusReason).toBe('It refused the password of the user einfra.');
  }, 30_000);
});

describe('services', () => {
  let systemd: FakeSystemd;
  let id: string;

  beforeAll(async () => {
    systemd = fakeSystemd();
    stubs.push(systemd);
    id = (await register(at(await sshd({ path: systemd.directory })))).id;
  });

  const act = (unit: string, action: string): Promise<Answer> =>
    api.post(`/api/servers/${id}/services/${unit}/${action}`);

  it('are listed, searched and shown', async () => {
    const all = await api.get(`/api/servers/${id}/services`);
    expect(all.body.items.map((item: { name: string }) => item.name)).toEqual([
      'broken.service',
      'cron.service',
      'gone.service',
      'masked.service',
      'static.service',
    ]);
    expect(all.body.items[1]).toEqual({
      name: 'cron.service',
      description: 'Regular background program processing daemon',
      loadState: 'loaded',
      activeState: 'active',
      subState: 'running',
      unitFileState: 'enabled',
    });
    expect((await api.get(`/api/servers/${id}/services?state=failed`)).body.total).toBe(1);
    expect((await api.get(`/api/servers/${id}/services?q=CRON&sort=-name&pageSize=1`)).body.total).toBe(1);
    const one = await api.get(`/api/servers/${id}/services/cron`);
    expect(one.body).toMatchObject({
      name: 'cron.service',
      mainPid: 612,
      activeSince: '2026-11-24T16:00:00.000Z',
      restarts: 0,
      memoryBytes: null,
    });
    expect((await api.get(`/api/servers/${id}/services/unheard-of`)).status).toBe(404);
  });

  it('are started, stopped, restarted, enabled and disabled, once', async () => {
    expect((await act('cron', 'start')).body).toMatchObject({ changed: false, service: { activeState: 'active' } });
    expect((await act('cron', 'stop')).body).toMatchObject({ changed: true, service: { activeState: 'inactive' } });
    expect((await act('cron', 'stop')).body.changed).toBe(false);
    expect((await act('cron', 'restart')).body).toMatchObject({ changed: true, service: { activeState: 'active' } });
    expect((await act('cron', 'disable')).body).toMatchObject({
      changed: true,
      service: { unitFileState: 'disabled' },
    });
    expect((await act('cron', 'enable')).body).toMatchObject({ changed: true, service: { unitFileState: 'enabled' } });
    expect((await act('cron', 'enable')).body.changed).toBe(false);
    const audit = await api.get(`/api/audit?resourceId=${id}&action=service.stop`);
    expect(audit.body.items.at(-1)).toMatchObject({
      before: { activeState: 'active' },
      after: { service: 'cron.service', activeState: 'inactive' },
    });
  });

  it('that fail, are masked or static, say so', async () => {
    expect((await act('broken', 'start')).body).toMatchObject({
      status: 502,
      detail: expect.stringContaining('exit code 1'),
    });
    expect((await act('masked', 'start')).body.code).toBe('service_masked');
    expect((await act('static', 'enable')).status).toBe(409);
  });

  it('have names that no shell and no option parser takes for anything else', async () => {
    const before = systemd.calls().length;
    for (const unit of ['a;b', '$(id)', "a'b", 'a b', 'a/b', '..%2f', '*']) {
      expect((await api.get(`/api/servers/${id}/services/${encodeURIComponent(unit)}`)).status).toBe(400);
    }
    expect(systemd.calls()).toHaveLength(before);
    expect((await api.get(`/api/servers/${id}/services/--version`)).status).toBe(404);
    expect(systemd.calls().at(-1)).toMatch(/ -- --version\.service$/);
  });

  it('belong to those who may change them', async () => {
    const viewer = (await api.user(unique(), 'viewer')).token;
    const operator = (await api.user(unique(), 'operator')).token;
    expect((await api.get(`/api/servers/${id}/services`, { token: viewer })).status).toBe(200);
    expect((await api.post(`/api/servers/${id}/services/cron/restart`, undefined, { token: viewer })).status).toBe(403);
    expect((await api.get(`/api/servers/${id}/services/cron/logs`, { token: viewer })).status).toBe(403);
    expect((await api.post(`/api/servers/${id}/services/cron/restart`, undefined, { token: operator })).status).toBe(
      200,
    );
  });

  it('have a journal, as text and as events that follow it', async () => {
    systemd.log('first line');
    systemd.log([...Buffer.from('bytes \u001b[1m')]);
    const text = await api.get(`/api/servers/${id}/services/cron/logs?tail=5&since=2026-01-01T00:00:00Z`, {
      headers: { accept: 'text/plain' },
    });
    expect(text.text).toMatch(/^\S+Z first line\n\S+Z bytes /);
    expect(systemd.calls().at(-1)).toContain('--lines=5 --unit=cron.service --since=@1767225600');
    const leave = new AbortController();
    const response = await fetch(`http://${base}/api/servers/${id}/services/cron/logs?tail=1&follow=true`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${api.adminToken}` },
      signal: leave.signal,
    });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let heard = '';
    const hear = async (word: string): Promise<void> => {
      while (!heard.includes(word)) heard += (await reader.read()).value ?? '';
    };
    await hear('bytes');
    systemd.log('a new line');
    await hear('a new line');
    expect(heard).not.toContain('first line');
    leave.abort();
    const followers = (): Promise<Answer> =>
      exec(id, { command: ['pgrep', '-f', `^tail -f -n 1 ${systemd.directory}`] });
    await until(async () => (await followers()).body.exitCode === 1);
    expect((await api.get(`/api/servers/${id}/services/cron/logs?follow=true`)).status).toBe(400);
  }, 20_000);

  it('are a conflict where there is no systemd, or no SSH', async () => {
    const plain = await register(at(await sshd({ forced: 'echo "sh: systemctl: not found" >&2; exit 127' })));
    for (const path of ['services', 'services/cron']) {
      expect((await api.get(`/api/servers/${plain.id}/${path}`)).body).toMatchObject({
        status: 409,
        code: 'no_systemd',
      });
    }
    const message = 'System has not been booted with systemd as init system (PID 1). Can\\x27t operate.';
    const container = await register(at(await sshd({ forced: `printf '${message}' >&2; exit 1` })));
    expect((await api.get(`/api/servers/${container.id}/services`)).body.code).toBe('no_systemd');
    const none = await api.post('/api/servers', { name: unique() });
    expect((await api.get(`/api/servers/${none.body.id}/services`)).body.code).toBe('no_ssh');
  });
});

describe('processes', () => {
  it('are listed by what they use, without arguments, for those who may', async () => {
    const { id } = await register(at(await sshd()));
    const answer = await api.get(`/api/servers/${id}/processes?sort=-memory&pageSize=100`);
    const sizes = answer.body.items.map((item: { memoryBytes: number }) => item.memoryBytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    const own = await api.get(`/api/servers/${id}/processes?q=${process.pid}`);
    const mine = own.body.items.find((item: { pid: number }) => item.pid === process.pid);
    expect(mine).toMatchObject({ parentPid: process.ppid, threads: expect.any(Number), user: expect.any(String) });
    expect(Math.abs(mine.memoryBytes / process.memoryUsage.rss() - 1)).toBeLessThan(0.3);
    expect((await api.get(`/api/servers/${id}/processes?sort=-cpu`)).body.items[0].cpuPercent).toBeGreaterThanOrEqual(
      0,
    );
    const { token } = await api.user(unique(), 'viewer');
    expect((await api.get(`/api/servers/${id}/processes`, { token })).status).toBe(403);
  }, 20_000);
});

describe('a terminal', () => {
  it('passes bytes both ways and tells the exit code', async () => {
    const { id } = await register(at(await sshd()));
    const path = `/api/servers/${id}/exec`;
    const issued = await api.post('/api/stream-tickets', { path, method: 'GET' });
    const socket = new WebSocket(`ws://${base}${path}?ticket=${issued.body.ticket}`);
    let output = '';
    const ended = new Promise<{ type: string; code: number }>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (data: Buffer, isBinary) => {
        if (isBinary) output += data.subarray(1).toString();
        else resolve(JSON.parse(data.toString()));
      });
    });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }));
    socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('echo from the terminal; exit 3\n')]));
    expect(await ended).toEqual({ type: 'exit', code: 3 });
    expect(output).toContain('from the terminal');
  });
});

describe('a reboot', () => {
  it('is asked for with sudo, and refused clearly without the right to it', async () => {
    const systemd = fakeSystemd();
    stubs.push(systemd);
    // what id answers makes the SSH user an ordinary one
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${systemd.directory}/id`, '#!/bin/sh\necho 1000\n', { mode: 0o755 });
    const { id } = await register(at(await sshd({ path: systemd.directory })));
    systemd.denySudo(true);
    const denied = await api.post(`/api/servers/${id}/reboot`);
    expect([denied.status, denied.body.code]).toEqual([502, 'upstream_denied']);
    expect((await api.post(`/api/servers/${id}/services/cron/stop`)).body.code).toBe('upstream_denied');
    systemd.denySudo(false);
    expect((await api.post(`/api/servers/${id}/reboot`)).body).toEqual({ changed: true });
    expect(systemd.calls().slice(-2)).toEqual(['sudo -n -- systemctl reboot', 'systemctl reboot']);
  });
});

describe('connectivity', () => {
  it('tells whether a port is open, and when its certificate expires', async () => {
    const { execFileSync } = await import('node:child_process');
    const pem = execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        '-',
        '-out',
        '-',
        '-days',
        '30',
        '-subj',
        '/CN=www.example.com',
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const tls = createTls({ key: pem, cert: pem }, (socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    const port = (tls.address() as AddressInfo).port;
    const { id } = (await api.post('/api/servers', { name: unique(), ipAddress: '127.0.0.1' })).body;
    const check = (body: object): Promise<Answer> => api.post(`/api/servers/${id}/connectivity`, body);
    const found = (await check({ port, tls: true })).body;
    expect(found).toMatchObject({
      open: true,
      latencyMs: expect.any(Number),
      tls: { subject: 'CN=www.example.com', issuer: 'CN=www.example.com' },
    });
    expect([29, 30]).toContain(found.tls.daysLeft);
    expect((await check({ port })).body.tls).toBeNull();
    expect((await check({ port: Number(base.split(':')[1]), tls: true })).body).toMatchObject({
      open: true,
      tls: null,
    });
    expect((await check({ port: 1 })).body).toEqual({ open: false, latencyMs: null, tls: null });
    tls.close();
  });
});
