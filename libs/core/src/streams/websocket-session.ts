import type { RawData, WebSocket } from 'ws';
import type { Caller } from '../access/caller.js';
import { describeError } from '../errors/problem.js';
import { STDIN, type TerminalSession } from './terminal-session.js';

/** More than this on its way to the client, and the source waits. */
const ROOM_BYTES = 256 * 1024;
/** A source that does not wait is cut off here. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** A client that does not answer the end of the session gets this long. */
const CLOSING_MS = 2_000;
const MAX_SIDE = 10_000;

/** Why a session ended, as close codes of RFC 6455. */
export const CLOSE = { done: 1000, protocol: 1002, policy: 1008, failure: 1011, restart: 1012 } as const;

/** What went through a session, for the audit log. */
export interface SessionSummary {
  bytesIn: number;
  bytesOut: number;
  /** What the process ended with; null when it is unknown, undefined when the session ended otherwise. */
  exitCode: number | null | undefined;
  reason: string;
}

/** One WebSocket with its frames, its back-pressure and its end. */
export class WebSocketSession implements TerminalSession {
  /** Resolves when it is over. */
  readonly over: Promise<SessionSummary>;
  lastActiveAt = performance.now();
  private readonly abort = new AbortController();
  private readonly summary: SessionSummary = { bytesIn: 0, bytesOut: 0, exitCode: undefined, reason: '' };
  private settle!: (summary: SessionSummary) => void;
  private dataListener?: (bytes: Buffer) => void | Promise<void>;
  private resizeListener?: (size: { columns: number; rows: number }) => void;
  private size?: { columns: number; rows: number };
  private readonly early: Buffer[] = [];
  private alive = true;
  private busy = 0;

  constructor(
    private readonly socket: WebSocket,
    readonly caller: Caller,
    readonly params: Readonly<Record<string, string>>,
    readonly query: URLSearchParams,
  ) {
    this.over = new Promise((resolve) => (this.settle = resolve));
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('pong', () => (this.alive = true));
    socket.on('error', () => undefined);
    socket.on('close', () => this.finish('left'));
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  onData(listener: (bytes: Buffer) => void | Promise<void>): void {
    this.dataListener = listener;
    for (const bytes of this.early.splice(0)) this.hand(bytes);
    if (this.early.length === 0) this.socket.resume();
  }

  onResize(listener: (size: { columns: number; rows: number }) => void): void {
    this.resizeListener = listener;
    if (this.size) listener(this.size);
  }

  async send(channel: 1 | 2, bytes: Buffer): Promise<void> {
    if (this.signal.aborted) return;
    this.lastActiveAt = performance.now();
    this.summary.bytesOut += bytes.length;
    const { socket } = this;
    if (socket.bufferedAmount > MAX_WAITING_BYTES) return this.close(CLOSE.policy, 'slow reader');
    const frame = Buffer.allocUnsafe(bytes.length + 1);
    frame[0] = channel;
    bytes.copy(frame, 1);
    const sent = new Promise<void>((resolve) => socket.send(frame, { binary: true }, () => resolve()));
    // the callback comes when the bytes have left this process, or the connection is gone
    if (socket.bufferedAmount > ROOM_BYTES) await sent;
  }

  exit(code: number | null): void {
    if (this.signal.aborted) return;
    this.summary.exitCode = code;
    this.socket.send(JSON.stringify({ type: 'exit', code }));
    this.close(CLOSE.done, 'exit');
  }

  /** Ends it because something failed; the client is told what. */
  fail(error: unknown): void {
    if (this.signal.aborted) return;
    const { code, title, detail } = describeError(error);
    this.socket.send(JSON.stringify({ type: 'error', code, title, detail }));
    this.close(CLOSE.failure, code);
  }

  close(code: number, reason: string): void {
    if (this.signal.aborted) return;
    // a socket that is not read would never see the client's answer
    this.socket.resume();
    this.socket.close(code, reason);
    setTimeout(() => this.socket.terminate(), CLOSING_MS).unref();
    this.finish(reason);
  }

  /** Asks whether the client is still there; one that did not answer the last time is cut off. */
  ping(): void {
    if (!this.alive) return this.socket.terminate();
    this.alive = this.socket.isPaused;
    this.socket.ping();
  }

  private finish(reason: string): void {
    if (this.signal.aborted) return;
    this.summary.reason = reason;
    this.abort.abort();
    this.settle(this.summary);
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.signal.aborted) return;
    this.lastActiveAt = performance.now();
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
    if (!isBinary) return this.control(bytes.toString());
    if (bytes[0] !== STDIN) return this.close(CLOSE.protocol, 'only channel 0 is written to');
    this.summary.bytesIn += bytes.length - 1;
    if (this.dataListener) this.hand(bytes.subarray(1));
    else {
      this.early.push(bytes.subarray(1));
      this.socket.pause();
    }
  }

  /** Reads nothing more from the client while the listener is busy. */
  private hand(bytes: Buffer): void {
    try {
      const busy = this.dataListener?.(bytes);
      if (!(busy instanceof Promise)) return;
      this.socket.pause();
      // frames that arrived together are handed over together
      this.busy++;
      busy.then(
        () => --this.busy === 0 && this.socket.resume(),
        (error: unknown) => this.fail(error),
      );
    } catch (error) {
      this.fail(error);
    }
  }

  private control(text: string): void {
    const size = sizeOf(text);
    if (!size) return this.close(CLOSE.protocol, 'unknown control frame');
    this.size = size;
    this.resizeListener?.(size);
  }
}

function sizeOf(text: string): { columns: number; rows: number } | null {
  try {
    const { type, columns, rows } = JSON.parse(text) as { type?: unknown; columns?: unknown; rows?: unknown };
    return type === 'resize' && isSide(columns) && isSide(rows) ? { columns, rows } : null;
  } catch {
    return null;
  }
}

function isSide(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= MAX_SIDE;
}
