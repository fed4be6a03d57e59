import { connect as dial, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { type AnyAuthMethod, Client, type ServerHostKeyAlgorithm } from 'ssh2';
import { OutboundGuard, OutboundRefused, ProblemError, type SystemRef, UpstreamError, UpstreamTimeout } from '#core';
import { SshConnection } from './ssh-connection.client.js';
import { connectFailure, HostKeyChanged } from './ssh-errors.js';
import { fingerprintOf, openPrivateKey, UnusableKey } from './ssh-keys.client.js';
import type { SshHop, SshSettings } from './ssh-settings.js';

const KEEP_ALIVE_MS = 15_000;
const KEEP_ALIVES_LOST = 3;

/** Host keys by kind. A server has one of each; only the one that both sides like best is shown unless others are asked for. */
const HOST_KEYS: Record<string, ServerHostKeyAlgorithm[]> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

interface SignedIn {
  client: Client;
  hostKey: string;
}

/** Makes a connected stream to where the SSH server listens. */
type Dial = (timeoutMs: number) => Promise<Duplex>;

/**
 * Signs in to SSH servers: through the outbound guard, to the pinned host key only, never with an agent or its forwarding.
 * Throws UpstreamError, UpstreamDenied and UpstreamTimeout.
 */
@Injectable()
export class SshClient {
  constructor(private readonly guard: OutboundGuard) {}

  /** Connects and signs in, through the jump host where there is one. */
  async connect(system: SystemRef, settings: SshSettings, timeoutMs: number): Promise<SshConnection> {
    const deadline = Date.now() + timeoutMs;
    const { jump } = settings;
    if (!jump) {
      const target = await this.reach(system, settings, (ms) => this.dial(settings, ms), deadline, '');
      return new SshConnection(system, target.client, target.hostKey, null);
    }
    const first = await this.reach(system, jump, (ms) => this.dial(jump, ms), deadline, 'Jump host: ');
    try {
      const forward: Dial = () => this.forward(first.client, settings);
      const target = await this.reach(system, settings, forward, deadline, '');
      target.client.once('close', () => first.client.end());
      first.client.once('close', () => target.client.destroy());
      return new SshConnection(system, target.client, target.hostKey, first.hostKey);
    } catch (error) {
      first.client.end();
      throw error;
    }
  }

  /** Signs in to one machine. A pinned key that is not the one shown first is looked for among the server's others. */
  private async reach(
    system: SystemRef,
    hop: SshHop,
    dialHop: Dial,
    deadline: number,
    prefix: string,
  ): Promise<SignedIn> {
    const remaining = { ...HOST_KEYS };
    let mismatch: HostKeyChanged | undefined;
    while (Object.keys(remaining).length > 0) {
      try {
        return await this.attempt(hop, dialHop, Math.max(1, deadline - Date.now()), Object.values(remaining).flat());
      } catch (error) {
        if (!(error instanceof HostKeyChanged)) {
          if (mismatch) break;
          throw this.explain(system, error, hop, deadline, prefix);
        }
        mismatch ??= error;
        if (!remaining[error.kind]) break;
        delete remaining[error.kind];
      }
    }
    throw new UpstreamError(system, prefix + (mismatch as HostKeyChanged).message, mismatch);
  }

  private async attempt(
    hop: SshHop,
    dialHop: Dial,
    timeoutMs: number,
    hostKeys: ServerHostKeyAlgorithm[],
  ): Promise<SignedIn> {
    const methods = methodsOf(hop);
    const started = Date.now();
    const sock = await dialHop(timeoutMs);
    const client = new Client();
    return new Promise((resolve, reject) => {
      let seen: string | null = null;
      let changed: HostKeyChanged | null = null;
      client.once('ready', () => resolve({ client, hostKey: seen as string }));
      // stays for as long as the client lives: an error without a listener would end the process
      client.on('error', (error) => {
        reject(changed ?? error);
        client.destroy();
        sock.destroy();
      });
      client.once('close', () => reject(changed ?? new Error('closed')));
      client.connect({
        sock: sock,
        username: hop.username,
        authHandler: methods,
        readyTimeout: Math.max(1, timeoutMs - (Date.now() - started)),
        keepaliveInterval: KEEP_ALIVE_MS,
        keepaliveCountMax: KEEP_ALIVES_LOST,
        algorithms: { serverHostKey: hostKeys },
        hostVerifier: (key: Buffer) => {
          const shown = fingerprintOf(key);
          const pinned = seen ?? hop.hostKey;
          if (pinned !== null && pinned !== shown) changed = new HostKeyChanged(pinned, shown, kindOf(key));
          seen ??= shown;
          return changed === null;
        },
      });
    });
  }

  /** A socket of our own: ssh2 would resolve names itself, past the guard. */
  private async dial({ host, port }: SshHop, timeoutMs: number): Promise<Socket> {
    this.guard.checkHost(host);
    const socket = dial({ host, port, lookup: this.guard.lookup, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error('Timed out while connecting'));
      }, timeoutMs);
      socket.once('connect', () => resolve(clearTimeout(timer)));
      // stays too, until ssh2 listens and after
      socket.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    return socket;
  }

  /** Names are resolved by the jump host, where ours would mean something else; addresses are judged here like any other. */
  private async forward(client: Client, { host, port }: SshHop): Promise<Duplex> {
    this.guard.checkHost(host);
    return new Promise((resolve, reject) => {
      client.forwardOut('127.0.0.1', 0, host, port, (error, stream) =>
        error ? reject(new Error('The jump host could not reach it', { cause: error })) : resolve(stream),
      );
    });
  }

  private explain(system: SystemRef, error: unknown, hop: SshHop, deadline: number, prefix: string): Error {
    if (error instanceof ProblemError) return error;
    if (error instanceof OutboundRefused)
      return new UpstreamError(system, `${prefix}The address ${error.message}.`, error);
    if (error instanceof UnusableKey)
      return new UpstreamError(system, `${prefix}The stored ${error.field} ${error.message}.`, error);
    // whatever ssh2 calls it, when the time is over it was too slow
    if (Date.now() >= deadline - 5)
      return new UpstreamTimeout(system, `${prefix}It did not answer as an SSH server in time.`, error);
    return connectFailure(system, error as Error, hop, prefix);
  }
}

/** What is tried, in this order. A password also answers the one hidden question that servers ask instead of taking it. */
function methodsOf({ username, privateKey, passphrase, password }: SshHop): AnyAuthMethod[] {
  const methods: AnyAuthMethod[] = [];
  if (privateKey !== null) methods.push({ type: 'publickey', username, key: openPrivateKey(privateKey, passphrase) });
  if (password === null) return methods;
  methods.push({ type: 'password', username, password });
  methods.push({
    type: 'keyboard-interactive',
    username,
    prompt: (_name, _instructions, _language, prompts, answer) =>
      answer(prompts.length === 1 && prompts[0]?.echo !== true ? [password] : []),
  });
  return methods;
}

function kindOf(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}
