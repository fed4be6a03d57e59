import { PassThrough } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { Conflict, type SystemRef, UpstreamError, UpstreamTimeout } from '#core';
import { ConnectionBroke } from './ssh-errors.js';
import type { CommandResult, CommandStream, RunOptions, Terminal, TerminalSize } from './remote-shell.js';

const MAX_COMMANDS = 4;
/** Terminals and followed commands. With the commands one less than the 10 sessions that OpenSSH allows on a connection. */
const MAX_SESSIONS = 5;
/** Refusals while nothing else is open, until they are believed. */
const MAX_REFUSED_ALONE = 5;
const DEFAULT_MAX_BYTES = 1024 * 1024;
const MAX_STDERR = 4_096;

type Kind = 'command' | 'session';
type Start = (ready: (error: Error | undefined, channel: ClientChannel) => void) => void;

/** How what ran on a channel has ended; `told` is false when the server did not say. */
interface End {
  exitCode: number | null;
  signal: string | null;
  told: boolean;
}

interface Opened {
  channel: ClientChannel;
  ended: Promise<End>;
}

/** One signed-in connection: several commands at once, as many as the server lets in. */
export class SshConnection {
  private readonly open: Record<Kind, number> = { command: 0, session: 0 };
  /** Sessions that the server admits; learned when it refuses one. */
  private admitted = MAX_COMMANDS + MAX_SESSIONS;
  private waiting: (() => void)[] = [];
  private isClosed = false;
  private idleSince = Date.now();

  constructor(
    private readonly system: SystemRef,
    private readonly client: Client,
    /** Fingerprint of the key that the server has shown. */
    readonly hostKey: string,
    /** The same of the jump host; null without one. */
    readonly jumpHostKey: string | null,
  ) {
    client.once('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  get closed(): boolean {
    return this.isClosed;
  }

  /** For how long nothing has run on it. */
  get idleMs(): number {
    return this.open.command + this.open.session > 0 ? 0 : Date.now() - this.idleSince;
  }

  /** Closes it with everything that runs on it. */
  close(): void {
    this.isClosed = true;
    this.client.end();
    // a peer that is gone would not answer the farewell
    this.client.destroy();
    this.wake();
  }

  async run(command: string, { timeoutMs, maxBytes = DEFAULT_MAX_BYTES, signal }: RunOptions): Promise<CommandResult> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([deadline, signal]) : deadline;
    const { channel, ended } = await this.start('command', stop, (ready) => this.client.exec(command, ready));
    const out = collect(channel, maxBytes);
    const err = collect(channel.stderr, maxBytes);
    const end = await new Promise<End>((resolve, reject) => {
      const abort = (): void => {
        hangUp(channel, 'KILL');
        reject(signal?.aborted ? (signal.reason as Error) : this.tooSlow(timeoutMs));
      };
      stop.addEventListener('abort', abort, { once: true });
      void ended.then((how) => {
        stop.removeEventListener('abort', abort);
        resolve(how);
      });
      if (stop.aborted) abort();
    });
    if (!end.told && this.isClosed) throw this.broken();
    const { exitCode, signal: endedBy } = end;
    return { exitCode, signal: endedBy, stdout: out.text(), stderr: err.text(), truncated: out.full() || err.full() };
  }

  async follow(command: string, timeoutMs: number): Promise<CommandStream> {
    const stop = AbortSignal.timeout(timeoutMs);
    const opened = await this.start('session', stop, (ready) => this.client.exec(command, ready));
    const { channel } = opened;
    const err = collect(channel.stderr, MAX_STDERR);
    const ended = opened.ended.then(({ exitCode, told }) => ({
      exitCode,
      stderr: err.text(),
      broken: !told && this.isClosed,
    }));
    const output = channel.pipe(new PassThrough());
    output.once('close', () => hangUp(channel, 'TERM'));
    return { output, ended };
  }

  async terminal(command: string | null, { columns, rows }: TerminalSize, timeoutMs: number): Promise<Terminal> {
    const pty = { term: 'xterm-256color', cols: columns, rows };
    const { channel, ended } = await this.start('session', AbortSignal.timeout(timeoutMs), (ready) =>
      command === null ? this.client.shell(pty, ready) : this.client.exec(command, { pty }, ready),
    );
    return {
      stream: channel,
      resize: (size) => channel.setWindow(size.rows, size.columns, 0, 0),
      ended,
    };
  }

  /** Opens a channel as soon as there is room. A server that refuses one while others are open limits them: then it waits for one to close. */
  private async start(kind: Kind, stop: AbortSignal, start: Start): Promise<Opened> {
    for (let refusedAlone = 0; ;) {
      await this.room(kind, stop);
      this.open[kind]++;
      try {
        return await this.request(kind, stop, start);
      } catch (error) {
        const others = this.open.command + this.open.session;
        if (stop.aborted || this.isClosed || !isRefusal(error)) throw this.explain(error);
        this.admitted = Math.min(this.admitted, Math.max(1, others));
        if (others > 0) continue;
        // sshd frees the place of a session a moment after it has ended
        if (++refusedAlone > MAX_REFUSED_ALONE) throw this.explain(error);
        await new Promise((resolve) => setTimeout(resolve, refusedAlone * 20));
      }
    }
  }

  private request(kind: Kind, stop: AbortSignal, start: Start): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        reject(this.tooSlow());
        // whoever does not even answer this is not there any more
        this.close();
      };
      stop.addEventListener('abort', abort, { once: true });
      const ready = (error: Error | undefined, channel: ClientChannel): void => {
        stop.removeEventListener('abort', abort);
        if (error) {
          this.release(kind);
          reject(error);
          return;
        }
        // at once: a short command has ended before whoever waits for this promise hears of it
        const ended = endOf(channel);
        void ended.then(() => this.release(kind));
        channel.on('error', () => undefined);
        if (stop.aborted) channel.destroy();
        else resolve({ channel, ended });
      };
      try {
        start(ready);
      } catch (error) {
        ready(error as Error, undefined as never);
      }
    });
  }

  private async room(kind: Kind, stop: AbortSignal): Promise<void> {
    const limit = kind === 'command' ? MAX_COMMANDS : MAX_SESSIONS;
    if (kind === 'session' && this.open.session >= limit)
      throw new Conflict(`There are ${limit} terminals and followed logs on this server already.`, {
        code: 'too_many_sessions',
      });
    while (!this.isClosed && (this.open[kind] >= limit || this.open.command + this.open.session >= this.admitted)) {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(this.noRoom());
        stop.addEventListener('abort', abort, { once: true });
        this.waiting.push(() => {
          stop.removeEventListener('abort', abort);
          resolve();
        });
        if (stop.aborted) abort();
      });
    }
    if (this.isClosed) throw this.broken();
  }

  private release(kind: Kind): void {
    this.open[kind]--;
    this.idleSince = Date.now();
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  private explain(error: unknown): Error {
    if (error instanceof UpstreamTimeout) return error;
    if (this.isClosed) return this.broken(error);
    if (isRefusal(error)) return new UpstreamError(this.system, 'It refuses to open a session.', error);
    return new UpstreamError(this.system, 'It refuses to run commands for this user.', error);
  }

  private noRoom(): Error {
    return new UpstreamTimeout(
      this.system,
      `It admits ${this.admitted} sessions on a connection (MaxSessions), and all of them were busy.`,
    );
  }

  private tooSlow(timeoutMs?: number): Error {
    const within = timeoutMs === undefined ? 'in time' : `within ${timeoutMs / 1000} s`;
    return new UpstreamTimeout(this.system, `The command did not end ${within}.`);
  }

  private broken(cause?: unknown): Error {
    return new ConnectionBroke(this.system, cause);
  }
}

/** Whether the server would not open a channel; anything else is about what runs in it. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'reason' in error;
}

function collect(stream: NodeJS.ReadableStream, maxBytes: number): { text(): string; full(): boolean } {
  const chunks: Buffer[] = [];
  let size = 0;
  let dropped = false;
  stream.on('data', (chunk: Buffer) => {
    const rest = chunk.subarray(0, maxBytes - size);
    dropped ||= rest.length < chunk.length;
    size += rest.length;
    if (rest.length > 0) chunks.push(rest);
  });
  stream.on('error', () => undefined);
  return { text: () => Buffer.concat(chunks).toString('utf8'), full: () => dropped };
}

function endOf(channel: ClientChannel): Promise<End> {
  let end: End = { exitCode: null, signal: null, told: false };
  channel.on('exit', (exitCode: number | null, name?: string) => {
    end = { exitCode, signal: name?.replace(/^SIG/, '') ?? null, told: true };
  });
  return new Promise((resolve) => channel.once('close', () => resolve(end)));
}

/** A channel that is only closed leaves its command running until that writes again. */
function hangUp(channel: ClientChannel, signal: string): void {
  signalTo(channel, signal);
  channel.destroy();
}

function signalTo(channel: ClientChannel, signal: string): void {
  try {
    channel.signal(signal);
  } catch {
    // it has ended meanwhile
  }
}
