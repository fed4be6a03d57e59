import type { Caller } from '../access/caller.js';

/** Where bytes come from or go to; the first byte of each binary frame. */
export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/** An open WebSocket as the domain that serves it sees it. */
export interface TerminalSession {
  /** As they were when it was opened; that they still may is checked elsewhere. */
  readonly caller: Caller;
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The query without the ticket: raw input. */
  readonly query: URLSearchParams;
  /** Aborted when the session is over: the client left, lost its right, or the process stops. */
  readonly signal: AbortSignal;

  /** What the client types. While a promise that the listener answers is open, no more is read from the client. */
  onData(listener: (bytes: Buffer) => void | Promise<void>): void;

  /** The client's window has another size. Sizes that came before are told at once. */
  onResize(listener: (size: { columns: number; rows: number }) => void): void;

  /** Sends output. Wait for the promise before reading more from where it comes: it resolves when the client has room. */
  send(channel: typeof STDOUT | typeof STDERR, bytes: Buffer): Promise<void>;

  /** Ends the session with what the process ended with; null when that is unknown. */
  exit(code: number | null): void;
}
