import { collectSecrets, redactText, redactTokens } from '../secrets/redact.js';
import type { FetchedJob } from './jobs.client.js';
import type { OperationRow } from './operation-row.js';
import type { NewLine } from './operation-store.js';

/**
 * What a handler gets to know of the operation that it runs, and how it says how far it is. Which input there is only the handlers of
 * a type know.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface OperationRun<Input = any> {
  readonly id: string;
  /** What the operation was started with. */
  readonly input: Input;
  /** Counts runners: above 1 an earlier one was stopped or died, and part of the work may be done already. */
  readonly attempt: number;
  /** Aborted with a RunAborted when the handler should come to an end. */
  readonly signal: AbortSignal;
  readonly startedBy: { id: string; name: string } | null;
  /** How far it is, 0 to 100; null when nobody can tell. */
  progress(percent: number | null): void;
  /** Adds a line to the log that callers see. */
  log(line: string): void;
}

/**
 * Why a handler is asked to end: somebody cancelled the operation, this process shuts down (the operation begins anew elsewhere),
 * or another runner has the operation by now and nothing that this one writes counts any more.
 */
export class RunAborted extends Error {
  constructor(readonly reason: 'cancelled' | 'shutdown' | 'superseded') {
    super(`the run was aborted: ${reason}`);
    this.name = 'RunAborted';
  }
}

/** The first lines are kept, then one that says that there were more. */
const MAX_LINES = 1_000;
const MAX_LINE_BYTES = 2_048;

/** One run in this process. Progress and lines wait here until they are written. */
export class RunningOperation implements OperationRun {
  readonly id: string;
  readonly attempt: number;
  readonly startedBy: OperationRun['startedBy'];
  private readonly controller = new AbortController();
  private readonly secrets = new Set<string>();
  private percent: number | null;
  private lines: NewLine[] = [];
  private lastLine: number;
  private changed = false;

  constructor(
    readonly job: FetchedJob,
    readonly row: OperationRow,
    readonly input: unknown,
  ) {
    this.id = row.id;
    this.attempt = row.attempt;
    this.startedBy = row.started_by_id === null ? null : { id: row.started_by_id, name: row.started_by_name ?? '' };
    this.percent = row.progress;
    this.lastLine = row.log_count;
    collectSecrets(input, this.secrets);
    if (row.cancel_requested_at) this.abort('cancelled');
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Why the run was asked to end; null while it was not. */
  get aborted(): RunAborted['reason'] | null {
    return this.signal.aborted ? (this.signal.reason as RunAborted).reason : null;
  }

  /** Secret values of the input, to be kept out of everything that is shown. */
  get knownSecrets(): ReadonlySet<string> {
    return this.secrets;
  }

  abort(reason: RunAborted['reason']): void {
    this.controller.abort(new RunAborted(reason));
  }

  progress(percent: number | null): void {
    this.percent = percent === null || Number.isNaN(percent) ? null : Math.min(100, Math.max(0, percent));
    this.changed = true;
  }

  log(line: string): void {
    if (this.lastLine > MAX_LINES) return;
    this.lastLine++;
    const text = this.lastLine > MAX_LINES ? 'There were more lines; they were not kept.' : this.safe(line);
    this.lines.push({ seq: this.lastLine, at: new Date(), line: text });
    this.changed = true;
  }

  /** What has not been written yet; null when that is nothing. */
  take(): { progress: number | null; lines: NewLine[] } | null {
    if (!this.changed) return null;
    this.changed = false;
    return { progress: this.percent, lines: this.lines.splice(0) };
  }

  /** It could not be written: it is tried again with what comes next. */
  putBack({ lines }: { lines: NewLine[] }): void {
    this.lines.unshift(...lines);
    this.changed = true;
  }

  private safe(line: string): string {
    return clipped(redactTokens(redactText(line, this.secrets)).replaceAll('\u0000', '').toWellFormed());
  }
}

function clipped(line: string): string {
  // a character takes up to three bytes a code unit
  if (line.length * 3 <= MAX_LINE_BYTES || Buffer.byteLength(line) <= MAX_LINE_BYTES) return line;
  // a sequence that the cut breaks becomes replacement characters, which go
  const kept = Buffer.from(line)
    .subarray(0, MAX_LINE_BYTES - 3)
    .toString('utf8');
  return `${kept.replace(/\uFFFD+$/, '')}…`;
}
