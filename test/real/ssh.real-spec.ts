import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Answer, startApp, type TestApp } from '../harness.js';
import { startSilence } from '../stubs/sshd.js';
import { fakeSystemd, type FakeSystemd } from '../stubs/systemd.js';
import { READ_SCRIPT } from '../../libs/servers/src/ssh/read-command.js';
import { sshd, type SshdService } from './services.js';

let api: TestApp;
let server: SshdService;
const services: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  [api, server] = await Promise.all([startApp({ SCRAPE_INTERVAL: '5', UPSTREAM_TIMEOUT: '5' }), start()]);
}, 60_000);

afterAll(async () => {
  await api.close();
  await Promise.all(services.map((service) => service.stop()));
});

async function start(settings: string[] = [], path?: string): Promise<SshdService> {
  const service = await sshd(settings, path);
  services.push(service);
  return service;
}

const at = ({ port, username, privateKey }: SshdService, fields: object = {}): object => ({
  host: '127.0.0.1',
  port,
  username,
  privateKey,
  ...fields,
});

let counter = 0;
async function register(ssh: object, fields: object = {}): Promise<string> {
  const answer = await api.post('/api/servers', { name: `real-${++counter}`, ssh, ...fields });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.body.id as string;
}

const exec = (id: string, ...command: string[]): Promise<Answer> => api.post(`/api/servers/${id}/exec`, { command });

async function until<T>(probe: () => Promise<T | false | null | undefined>, withinMs = 20_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const meminfo = (name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;

describe('a real sshd', () => {
  it('gives metrics as /proc has them, and the facts', async () => {
    const id = await register(at(server), { source: { type: 'ssh' } });
    const sample = await until(async () => {
      const { status, body } = await api.get(`/api/servers/${id}/metrics`);
      return status === 200 && body.cpuPercent !== null && body;
    });
    expect(sample.memoryTotalBytes).toBe(meminfo('MemTotal'));
    expect(Math.abs(sample.memoryUsedBytes - (meminfo('MemTotal') - meminfo('MemAvailable')))).toBeLessThan(
      meminfo('MemTotal') * 0.1,
    );
    const [load1 = 0] = readFileSync('/proc/loadavg', 'utf8').split(' ').map(Number);
    expect(Math.abs(sample.load1 - load1)).toBeLessThan(1.5);
    expect(Math.abs(sample.uptimeSeconds - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]))).toBeLessThan(
      30,
    );
    const { body } = await api.get(`/api/servers/${id}`);
    expect(body).toMatchObject({
      status: 'online',
      kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
      cpuCores: readFileSync('/proc/stat', 'utf8').match(/^cpu\d+ /gm)?.length,
      memoryBytes: meminfo('MemTotal'),
      os: /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1],
      architecture: execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim(),
      ssh: { hostKey: server.hostKey },
    });
    const root = statfsSync('/');
    if (body.diskBytes !== null) expect(body.diskBytes).toBeGreaterThanOrEqual(root.blocks * root.bsize * 0.9);
    const facts = (await api.get(`/api/servers/${id}/facts`)).body;
    expect(facts).toMatchObject({ hostname: hostname(), cpuModel: expect.any(String), bootedAt: expect.any(String) });
    expect(facts.interfaces.length + facts.disks.length).toBeGreaterThan(0);
  }, 40_000);

  it('takes a key with a passphrase, and refuses a wrong one and a wrong password', async () => {
    const id = await register(at(server, { privateKey: server.encryptedKey, passphrase: server.passphrase }));
    expect((await exec(id, 'true')).body.exitCode).toBe(0);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', `${server.directory}/stranger`]);
    const stranger = await register(at(server, { privateKey: readFileSync(`${server.directory}/stranger`, 'utf8') }));
    expect((await exec(stranger, 'true')).body).toMatchObject({ status: 502, code: 'upstream_denied' });
    const guessed = await register(at(server, { privateKey: undefined, password: 'not the password' }));
    expect((await exec(guessed, 'true')).body).toMatchObject({ status: 502, code: 'upstream_denied' });
  }, 30_000);

  it('takes RSA and ECDSA keys in PEM format', async () => {
    for (const [type, bits] of [
      ['rsa', '2048'],
      ['ecdsa', '256'],
    ] as const) {
      const file = `${server.directory}/${type}`;
      execFileSync('ssh-keygen', ['-q', '-t', type, '-b', bits, '-m', 'PEM', '-N', '', '-f', file]);
      const keys = `${server.directory}/authorized_keys`;
      execFileSync('sh', ['-c', 'cat "$1" >> "$2"', 'sh', `${file}.pub`, keys]);
      const id = await register(at(server, { privateKey: readFileSync(file, 'utf8') }));
      expect((await exec(id, 'true')).body.exitCode).toBe(0);
    }
  }, 30_000);

  it('is refused when its host key changes, until the new one is accepted', async () => {
    const own = await start();
    const id = await register(at(own), { source: { type: 'ssh' } });
    await until(async () => (await api.get(`/api/servers/${id}`)).body.status === 'online');
    await own.halt();
    const changed = own.changeHostKey();
    await own.start();
    const shown = await until(async () => {
      const { body } = await api.get(`/api/servers/${id}`);
      return body.status === 'offline' && body.statusReason?.includes('host key') && body;
    }, 40_000);
    expect(shown.statusReason).toContain(own.hostKey);
    expect(shown.statusReason).toContain(changed);
    const accepted = await api.patch(`/api/servers/${id}`, { ssh: { hostKey: changed, privateKey: own.privateKey } });
    expect(accepted.body.ssh.hostKey).toBe(changed);
    await until(async () => (await api.get(`/api/servers/${id}`)).body.status === 'online');
  }, 90_000);

  it('finds the pinned key among several', async () => {
    const own = await sshd();
    await own.stop();
    const rsa = `${server.directory}/host_rsa`;
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', rsa]);
    const both = await start([`HostKey ${rsa}`]);
    const pinned = execFileSync('ssh-keygen', ['-lf', `${rsa}.pub`], { encoding: 'utf8' }).split(' ')[1];
    const id = await register(at(both, { hostKey: pinned }));
    expect((await exec(id, 'true')).body.exitCode).toBe(0);
  }, 30_000);

  it('that accepts and never answers is a time-out', async () => {
    const silence = await startSilence();
    const id = await register(at(server, { port: silence.port }));
    const started = Date.now();
    expect((await exec(id, 'true')).body).toMatchObject({ status: 504, code: 'upstream_timeout' });
    expect(Date.now() - started).toBeLessThan(7_000);
    await silence.close();
    const frozen = await start();
    frozen.freeze();
    const second = await register(at(frozen));
    expect((await exec(second, 'true')).body).toMatchObject({ status: 504, code: 'upstream_timeout' });
    frozen.thaw();
  }, 40_000);

  it('with ForceCommand is read, and runs nothing else', async () => {
    const forced = await start([`ForceCommand ${READ_SCRIPT}`]);
    const id = await register(at(forced), { source: { type: 'ssh' } });
    await until(async () => (await api.get(`/api/servers/${id}`)).body.status === 'online');
    expect((await exec(id, 'true')).body).toMatchObject({ status: 409, code: 'restricted_ssh' });
    expect((await api.get(`/api/servers/${id}/services`)).body.code).toBe('restricted_ssh');
    const useless = await register(at(await start(['ForceCommand /bin/echo no shell for you'])));
    expect((await api.post(`/api/servers/${useless}/test`)).body).toMatchObject({
      ok: false,
      problem: { code: 'upstream_error' },
    });
  }, 40_000);

  it('whose connection is killed in the middle fails that command, not the next', async () => {
    const own = await start();
    const id = await register(at(own));
    expect((await exec(id, 'true')).status).toBe(200);
    const running = exec(id, 'sleep', '20');
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const child of readFileSync(`/proc/${own.pid}/task/${own.pid}/children`, 'utf8').split(' ').filter(Boolean))
      process.kill(Number(child), 'SIGKILL');
    expect((await running).body).toMatchObject({ status: 502, detail: 'The connection broke.' });
    expect((await exec(id, 'echo', 'again')).body.stdout).toBe('again\n');
  }, 30_000);

  it('that admits one session serves several commands one after the other', async () => {
    const id = await register(at(await start(['MaxSessions 1'])));
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((word) => exec(id, 'sh', '-c', `sleep 0.2; echo ${word}`)),
    );
    expect(answers.map(({ body }) => body.stdout ?? body.detail)).toEqual(['a\n', 'b\n', 'c\n', 'd\n', 'e\n']);
  }, 30_000);

  it('is reached through another one', async () => {
    const jump = await start(['Banner /etc/os-release']);
    const target = await start();
    const id = await register(at(target, { jump: at(jump) }));
    expect((await exec(id, 'echo', 'through')).body.stdout).toBe('through\n');
    expect((await api.get(`/api/servers/${id}`)).body.ssh).toMatchObject({
      hostKey: target.hostKey,
      jump: { hostKey: jump.hostKey },
    });
    const stranger = await start(['AllowTcpForwarding no']);
    const blocked = await register(at(target, { jump: at(stranger) }));
    expect((await exec(blocked, 'true')).body).toMatchObject({
      status: 502,
      detail: 'The jump host could not reach it.',
    });
  }, 40_000);

  it('kills a command that takes too long', async () => {
    const id = await register(at(server));
    const answer = await api.post(`/api/servers/${id}/exec`, { command: ['sleep', '61.5'], timeoutSeconds: 1 });
    expect(answer.status).toBe(504);
    await until(async () => (await exec(id, 'pgrep', '-f', '^sleep 61[.]5')).body.exitCode === 1);
    const killed = await exec(id, 'sh', '-c', 'kill -KILL $$');
    expect(killed.body).toMatchObject({ exitCode: null, signal: 'KILL' });
  }, 30_000);

  it('lists its processes', async () => {
    const id = await register(at(server));
    const { body } = await api.get(`/api/servers/${id}/processes?q=${process.pid}`);
    expect(body.items.find(({ pid }: { pid: number }) => pid === process.pid)).toMatchObject({
      parentPid: process.ppid,
      user: server.username,
    });
  }, 20_000);
});

describe('services of a real sshd', () => {
  let systemd: FakeSystemd;

  beforeAll(() => {
    systemd = fakeSystemd();
  });

  afterAll(() => systemd.close());

  it('are restarted, and their journal followed', async () => {
    const own = await start([], systemd.directory);
    const id = await register(at(own));
    const restarted = await api.post(`/api/servers/${id}/services/cron/restart`);
    expect(restarted.body).toMatchObject({ changed: true, service: { name: 'cron.service', activeState: 'active' } });
    systemd.log('it works');
    const logs = await api.get(`/api/servers/${id}/services/cron/logs?tail=1`);
    expect(logs.text).toMatch(/Z it works\n$/);
  }, 30_000);

  it('are a conflict on a machine that systemd does not run', async () => {
    const isBooted =
      execFileSync('sh', ['-c', 'test -d /run/systemd/system && echo yes || echo no'], { encoding: 'utf8' }).trim() ===
      'yes';
    const id = await register(at(server));
    const answer = await api.get(`/api/servers/${id}/services`);
    expect([answer.status, answer.body.code]).toEqual(isBooted ? [200, undefined] : [409, 'no_systemd']);
  });
});
