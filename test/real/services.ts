import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

/**
 * Real services for real tests. Each comes from an address in the environment, or is started on a free loopback port
 * with a temporary directory of its own. A program that is missing fails the test: these tests are never skipped.
 */
export interface Service {
  url: string;
  /** Of the program, to freeze or kill it; undefined when the environment named the service. */
  pid: number | undefined;
  /** Ends the program and removes its directory; leaves a service of the environment alone. */
  stop(): Promise<void>;
  /** Ends it as an administrator in a hurry would (open connections are cut), and starts it on the same port. */
  restart(): Promise<void>;
  /** Ends it, in a hurry or by SIGKILL, and keeps its data for `start`. */
  halt(signal?: 'SIGKILL'): Promise<void>;
  start(): Promise<void>;
  /** Stops all its processes in the middle of what they do: connections stay open, and nothing answers. */
  freeze(): void;
  thaw(): void;
}

export interface PostgresService extends Service {
  /** The url of a superuser; `url` is a role that may create databases and owns its own. */
  superuserUrl: string;
}

/** PostgreSQL: `EINFRA_TEST_DATABASE_URL` (which then is both roles), or a fresh cluster with fsync on. */
export async function postgres(): Promise<PostgresService> {
  const url = process.env.EINFRA_TEST_DATABASE_URL;
  if (url) return { ...ofEnvironment(url), superuserUrl: url };
  const bin = postgresPrograms();
  const port = await freePort();
  const superuserUrl = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const ownUrl = `postgresql://einfra@127.0.0.1:${port}/einfra`;
  return withDirectory(async (directory, user) => {
    const data = join(directory, 'data');
    const init = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8'];
    execFileSync(join(bin, 'initdb'), init, { ...user, stdio: ['ignore', 'ignore', 'inherit'], cwd: directory });
    const args = ['-D', data, '-k', directory, '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=on'];
    const ready = (): Promise<void> => query(superuserUrl, ['SELECT 1']);
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for the last client.
    const program = new Program(join(bin, 'postgres'), args, { ...user, cwd: directory }, ready, 'SIGINT');
    await program.start();
    await query(superuserUrl, ['CREATE ROLE einfra LOGIN CREATEDB', 'CREATE DATABASE einfra OWNER einfra']);
    return Object.assign(program.asService(ownUrl, directory), { superuserUrl });
  });
}

/** Redis: `EINFRA_TEST_REDIS_URL`, or one without persistence. */
export async function redis(): Promise<Service> {
  const url = process.env.EINFRA_TEST_REDIS_URL;
  if (url) return ofEnvironment(url);
  const port = await freePort();
  const ownUrl = `redis://127.0.0.1:${port}`;
  return withDirectory(async (directory, user) => {
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory];
    const program = new Program(find('redis-server'), args, { ...user, cwd: directory }, () => ping(port), 'SIGTERM');
    await program.start();
    return program.asService(ownUrl, directory);
  });
}

/** node_exporter: `EINFRA_TEST_NODE_EXPORTER_URL` (without `/metrics`), or one that reports this machine. */
export async function nodeExporter(): Promise<Service> {
  const url = process.env.EINFRA_TEST_NODE_EXPORTER_URL;
  if (url) return ofEnvironment(url);
  const port = await freePort();
  const ownUrl = `http://127.0.0.1:${port}`;
  const ready = async (): Promise<void> => {
    if (!(await fetch(ownUrl)).ok) throw new Error('not ready');
  };
  return withDirectory(async (directory, user) => {
    const options = { ...user, cwd: directory };
    const args = [`--web.listen-address=127.0.0.1:${port}`];
    const program = new Program(find('prometheus-node-exporter', 'node_exporter'), args, options, ready, 'SIGTERM');
    await program.start();
    return program.asService(ownUrl, directory);
  });
}

export interface SshdService extends Service {
  port: number;
  /** `SHA256:…` of its host key. */
  hostKey: string;
  /** Whom it lets in: the user that the tests run as. */
  username: string;
  /** OpenSSH private keys that it accepts; the second is encrypted with `passphrase`. */
  privateKey: string;
  encryptedKey: string;
  passphrase: string;
  /** Private keys of its users and hosts, and what it says of its work. */
  directory: string;
  /** Gives it another host key; answers its fingerprint. It counts from the next start on. */
  changeHostKey(): string;
}

/** OpenSSH's server on a port and with keys of its own. `settings` are lines of sshd_config; those that come first win there. */
export async function sshd(settings: string[] = [], path?: string): Promise<SshdService> {
  const port = await freePort();
  const username = userInfo().username;
  const passphrase = 'open sesame';
  const directory = mkdtempSync(join(tmpdir(), 'einfra-sshd-'));
  try {
    const make = (name: string, words: string): string => {
      const file = join(directory, name);
      for (const old of [file, `${file}.pub`]) rmSync(old, { force: true });
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', words, '-f', file, '-C', 'einfra tests']);
      return readFileSync(file, 'utf8');
    };
    const changeHostKey = (): string => {
      make('host', '');
      return execFileSync('ssh-keygen', ['-lf', join(directory, 'host.pub')], { encoding: 'utf8' }).split(' ')[1]!;
    };
    const [hostKey, privateKey, encryptedKey] = [changeHostKey(), make('user', ''), make('locked', passphrase)];
    const accepted = ['user', 'locked'].map((name) => readFileSync(join(directory, `${name}.pub`), 'utf8'));
    writeFileSync(join(directory, 'authorized_keys'), accepted.join(''), { mode: 0o600 });
    const config = [
      ...settings,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(directory, 'host')}`,
      `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      `PidFile ${join(directory, 'pid')}`,
      // the directory lies below one that everybody may write to
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication yes',
      'KbdInteractiveAuthentication no',
      'AllowAgentForwarding no',
      ...(path === undefined ? [] : [`SetEnv PATH=${path}:/usr/bin:/bin:/usr/sbin:/sbin`]),
    ];
    writeFileSync(join(directory, 'config'), `${config.join('\n')}\n`);
    // where it leaves its privileges; packages make it at boot
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const args = ['-D', '-e', '-f', join(directory, 'config')];
    const program = new Program(find('sshd'), args, { cwd: directory }, () => greeting(port), 'SIGTERM');
    await program.start();
    const service = program.asService(`ssh://127.0.0.1:${port}`, directory);
    const { stop, halt } = service;
    // those that serve a connection outlive the one that listens, and hold its output
    const cut = (): void => program.signalChildren('SIGKILL');
    service.stop = () => (cut(), stop());
    service.halt = (signal) => (cut(), halt(signal));
    const facts = { port, hostKey, username, privateKey, encryptedKey, passphrase, directory, changeHostKey };
    return Object.defineProperties(service, Object.getOwnPropertyDescriptors(facts)) as SshdService;
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** An SSH server speaks first. */
async function greeting(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [said] = (await once(socket, 'data')) as [Buffer];
    if (!said.toString().startsWith('SSH-2.0-')) throw new Error(said.toString());
  } finally {
    socket.destroy();
  }
}

function ofEnvironment(url: string): Service {
  const refuse = (): never => {
    throw new Error(`${url} was given to the tests and is not theirs to stop`);
  };
  const refuseLater = async (): Promise<void> => refuse();
  const touching = { restart: refuseLater, halt: refuseLater, start: refuseLater, freeze: refuse, thaw: refuse };
  return { url, pid: undefined, stop: () => Promise.resolve(), ...touching };
}

type Identity = { uid?: number; gid?: number };

/** A program that runs until it is told to stop, and its last words should it end by itself. */
class Program {
  private child: ChildProcess | undefined;
  private ended = true;
  private output = '';

  constructor(
    private readonly path: string,
    private readonly args: string[],
    private readonly options: Identity & { cwd: string },
    private readonly ready: () => Promise<void>,
    private readonly stopSignal: NodeJS.Signals,
  ) {}

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    this.ended = false;
    const child = (this.child = spawn(this.path, this.args, { ...this.options, stdio: ['ignore', 'pipe', 'pipe'] }));
    const listen = (chunk: Buffer): void => void (this.output = (this.output + chunk.toString()).slice(-4000));
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', (error) => listen(Buffer.from(error.message)));
    child.once('close', () => (this.ended = true));
    // Not even a test that forgets to stop it leaves it behind.
    process.once('exit', this.kill);
    for (let attempt = 0; ; attempt++) {
      if (this.ended) throw new Error(`${this.path} ended at once: ${this.output}`);
      try {
        return await this.ready();
      } catch (cause) {
        if (attempt === 200) throw new Error(`${this.path} does not answer: ${this.output}`, { cause });
        await pause(50);
      }
    }
  }

  async stop(signal = this.stopSignal): Promise<void> {
    const { child } = this;
    if (!child || this.ended) return;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.signalAll('SIGCONT');
    child.kill(signal);
    const timer = setTimeout(this.kill, 10_000);
    await closed;
    clearTimeout(timer);
    process.off('exit', this.kill);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** To it and its children; the program first, so that no child is missed. */
  signalAll(signal: NodeJS.Signals): void {
    const pid = this.child?.pid;
    if (pid === undefined || this.ended) return;
    process.kill(pid, signal);
    for (const child of childrenOf(pid)) {
      try {
        process.kill(child, signal);
      } catch (error) {
        // it has ended in the meantime
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  signalChildren(signal: NodeJS.Signals): void {
    const pid = this.child?.pid;
    if (pid === undefined || this.ended || !existsSync(`/proc/${pid}`)) return;
    for (const child of childrenOf(pid)) process.kill(child, signal);
  }

  asService(url: string, directory: string): Service {
    const pid = (): number | undefined => this.child?.pid;
    const stop = async (): Promise<void> => {
      await this.stop();
      rmSync(directory, { recursive: true, force: true });
    };
    return {
      url,
      stop,
      restart: () => this.restart(),
      halt: (signal) => this.stop(signal),
      start: () => this.start(),
      freeze: () => this.signalAll('SIGSTOP'),
      thaw: () => this.signalAll('SIGCONT'),
      // Another one after a restart.
      get pid() {
        return pid();
      },
    };
  }

  private readonly kill = (): void => void this.child?.kill('SIGKILL');
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Gives `start` a directory that it may write to as the user it should run as; PostgreSQL refuses to run as root. */
async function withDirectory<T>(start: (directory: string, user: Identity) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'einfra-test-'));
  try {
    const user: Identity = process.getuid?.() === 0 ? unprivileged() : {};
    if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid);
    return await start(directory, user);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function unprivileged(): Required<Identity> {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user) throw new Error('Running as root, and there is neither a user postgres nor nobody to run services as');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

function postgresPrograms(): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(debian, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  return found ?? join(find('initdb'), '..');
}

function find(...programs: string[]): string {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/bin'];
  const path = programs
    .flatMap((program) => folders.map((folder) => join(folder, program)))
    .find((file) => existsSync(file));
  if (!path) throw new Error(`${programs.join(' or ')} is not installed; real tests need it`);
  return path;
}

async function query(connectionString: string, statements: string[]): Promise<void> {
  const client = new Client({ connectionString });
  // A connection that is cut says so here too; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Redis's protocol has a form for people; a client library would go on reconnecting. */
async function ping(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString().startsWith('+PONG')) throw new Error(answer.toString());
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
