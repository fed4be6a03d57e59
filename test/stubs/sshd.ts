import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Connection, Server, type Session, type ServerChannel, utils } from 'ssh2';

/** An SSH server in this process, for what a real one can't be made to do; commands run in a real shell. */
export interface SshdStub {
  port: number;
  /** `SHA256:…` of the host key. */
  hostKey: string;
  /** Sign-ins that have succeeded so far. */
  signIns: number;
  /** Connections that are open. */
  open(): number;
  /** Cuts every connection, as a crash of the network would. */
  cut(): void;
  close(): Promise<void>;
}

export interface SshdOptions {
  username?: string;
  password?: string;
  /** OpenSSH's public key. */
  publicKey?: string;
  /** Only takes the password as the answer to a question. */
  interactive?: boolean;
  /** Sessions at once on a connection; more are refused. */
  maxSessions?: number;
  /** Shown before the sign-in. */
  banner?: string;
  /** Printed by the login shell, before each command. */
  noise?: string;
  /** Put before PATH. */
  path?: string;
  /** Run whatever is asked for. */
  forced?: string;
  /** Private key; a new ed25519 one unless given. */
  hostKey?: string;
  port?: number;
  /** Takes channels to elsewhere, as a jump host does. */
  forwards?: boolean;
}

/** The fingerprint of a private or public key. */
export function fingerprint(key: string): string {
  const parsed = utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  return `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
}

export function makeKey(passphrase?: string): { private: string; public: string } {
  return passphrase === undefined
    ? utils.generateKeyPairSync('ed25519')
    : utils.generateKeyPairSync('ed25519', { passphrase, cipher: 'aes256-ctr', rounds: 4 });
}

/** Starts one on a free loopback port. */
export async function startSshd(options: SshdOptions = {}): Promise<SshdStub> {
  const hostKey = options.hostKey ?? makeKey().private;
  const sockets = new Set<Socket>();
  const stub = { signIns: 0 };
  const server = new Server({ hostKeys: [hostKey], banner: options.banner }, (client) => {
    client.on('error', () => undefined);
    authenticate(client, options, () => stub.signIns++);
    let sessions = 0;
    client.on('session', (accept, reject) => {
      if (sessions >= (options.maxSessions ?? 10)) return reject();
      sessions++;
      serve(accept(), options, () => sessions--);
    });
    if (options.forwards)
      client.on('tcpip', (accept, reject, { destIP, destPort }) => forward(accept, reject, destIP, destPort));
  });
  const front = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve) => front.listen(options.port ?? 0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return Object.assign(stub, {
    port: (front.address() as AddressInfo).port,
    hostKey: fingerprint(hostKey),
    open: () => sockets.size,
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => front.close(resolve));
    },
  });
}

/** A port that takes connections and never says a word. */
export async function startSilence(): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function authenticate(client: Connection, options: SshdOptions, onAccepted: () => void): void {
  const { username = 'einfra', password, publicKey, interactive } = options;
  const key = publicKey === undefined ? null : utils.parseKey(publicKey);
  client.on('authentication', (context) => {
    const accept = (): void => {
      if (context.method !== 'publickey' || context.signature) onAccepted();
      context.accept();
    };
    if (context.username !== username) return context.reject();
    if (context.method === 'password' && !interactive && context.password === password) return accept();
    if (context.method === 'keyboard-interactive' && interactive) {
      return context.prompt([{ prompt: 'Password: ', echo: false }], (answers) =>
        answers[0] === password ? accept() : context.reject(),
      );
    }
    if (context.method === 'publickey' && key && !(key instanceof Error)) {
      const same = context.key.data.equals(key.getPublicSSH());
      const signed =
        !context.signature || key.verify(context.blob as Buffer, context.signature, context.hashAlgo) === true;
      if (same && signed) return accept();
    }
    context.reject(interactive ? ['keyboard-interactive'] : ['password', 'publickey']);
  });
}

function serve(session: Session, options: SshdOptions, onEnd: () => void): void {
  let kill: (signal: NodeJS.Signals) => void = () => undefined;
  const run = (channel: ServerChannel, command: string): void => {
    const env = {
      ...process.env,
      PATH: `${options.path ? `${options.path}:` : ''}${process.env['PATH']}`,
      SSH_ORIGINAL_COMMAND: command,
    };
    const child = spawn('/bin/sh', ['-c', options.forced ?? command], { env, detached: true });
    kill = (signal) => {
      // one that a signal has ended has no exit code either
      if (child.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, signal);
    };
    if (options.noise) channel.write(options.noise);
    child.stdout.on('data', (chunk) => channel.write(chunk));
    child.stderr.on('data', (chunk) => channel.stderr.write(chunk));
    channel.pipe(child.stdin).on('error', () => undefined);
    child.once('close', (code, signal) => {
      onEnd();
      // nobody reads what still comes, and it has to be read for the channel to close
      channel.resume();
      if (signal) channel.exit(signal.replace(/^SIG/, ''), false, '');
      else channel.exit(code ?? 0);
      channel.end();
    });
    channel.once('close', () => kill('SIGHUP'));
  };
  session.on('signal', (accept, _reject, { name }) => {
    accept?.();
    kill(`SIG${name}` as NodeJS.Signals);
  });
  session.on('pty', (accept) => accept?.());
  session.on('window-change', (accept) => accept?.());
  session.on('exec', (accept, _reject, { command }) => run(accept(), command));
  session.on('shell', (accept) => run(accept(), '/bin/sh'));
}

function forward(accept: () => ServerChannel, reject: () => void, host: string, port: number): void {
  const socket = connect(port, host);
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject).on('error', () => undefined);
    const channel = accept();
    channel.pipe(socket).pipe(channel);
    channel.on('close', () => socket.destroy());
  });
}
