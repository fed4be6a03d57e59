import type { Duplex, Readable } from 'node:stream';

/** How a command is run. */
export interface RunOptions {
  /** For all of it, connecting included. */
  timeoutMs: number;
  /** Of standard output and of standard error, each; what is more is dropped. 1 MiB unless given. */
  maxBytes?: number;
  signal?: AbortSignal;
}

/** How a command ended. */
export interface CommandResult {
  /** Null when a signal ended it, or the server did not say. */
  exitCode: number | null;
  /** Name of the signal that ended it, without SIG. */
  signal: string | null;
  stdout: string;
  stderr: string;
  /** Whether output was dropped. */
  truncated: boolean;
}

/** A command that runs on and is read while it does. Destroying `output` ends it. */
export interface CommandStream {
  output: Readable;
  /** Resolves when it has ended, with the beginning of what it wrote to standard error. Never rejects. */
  ended: Promise<{ exitCode: number | null; stderr: string; broken: boolean }>;
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  columns: number;
  rows: number;
}

/** A command with a terminal of its own. Destroying `stream` hangs up. */
export interface Terminal {
  stream: Duplex;
  resize: (size: TerminalSize) => void;
  /** Resolves when it has ended; the exit code is null when the server did not say. Never rejects. */
  ended: Promise<{ exitCode: number | null; signal: string | null }>;
}

/**
 * The shells of registered servers. A failure to get there is an UpstreamError, UpstreamDenied or UpstreamTimeout with a sentence that
 * holds nothing the remote side has sent; that a command ends with another code than 0 is none. A server without SSH is a Conflict with
 * the code `no_ssh`.
 */
export abstract class RemoteShell {
  /** Runs a command to its end. */
  abstract run(serverId: string, command: string, options: RunOptions): Promise<CommandResult>;

  /** Starts a command whose output is followed. */
  abstract follow(serverId: string, command: string): Promise<CommandStream>;

  /** Opens a terminal with a command, or with the login shell. */
  abstract terminal(serverId: string, command: string | null, size: TerminalSize): Promise<Terminal>;

  /** Closes the connection to a server that was changed or removed, with everything on it. */
  abstract forget(serverId: string): void;
}
