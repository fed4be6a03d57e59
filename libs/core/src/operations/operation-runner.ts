import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { describeError } from '../errors/problem.js';
import { Instance } from '../process/instance.js';
import { redact } from '../secrets/redact.js';
import { type FetchedJob, Jobs } from './jobs.client.js';
import { OperationEnds } from './operation-ends.js';
import type { OperationEnd, OperationProblem, OperationRow } from './operation-row.js';
import { type OperationRun, RunningOperation } from './operation-run.js';
import { OperationStore } from './operation-store.js';

/** Does the work of one type of operation. May be run again after a part of it was done. The answer is the result, as JSON. */
export type OperationHandler = (run: OperationRun) => Promise<unknown>;

/** Operations that one process runs at a time. */
const SLOTS = 8;
const POLL_MS = 500;
/** How often what runs is written down, kept alive, and told of wishes to cancel it. */
const TICK_MS = 1_000;
/** An operation whose runners die that often is what kills them. */
const MAX_DEATHS = 10;
/** The database was away while a handler worked: that says nothing about the work. So often it is begun anew. */
const LOST = new Set(['database_unavailable', 'audit_unavailable']);
const MAX_ATTEMPTS = 20;
/** Handlers get this long to end at shutdown; after it their work is given back all the same. */
const SHUTDOWN_MS = 8_000;
/** The same failure is said again after this long. */
const QUIET_MS = 10_000;
/** Characters of JSON that are kept of a result. */
const MAX_RESULT = 8 * 1024 * 1024;

const DIED: OperationProblem = {
  type: 'urn:einfra:problem:operation_abandoned',
  title: 'Given up',
  status: 500,
  detail: `The process that worked on it ended ${MAX_DEATHS} times before the work was done.`,
  code: 'operation_abandoned',
};

/** Runs operations in this process: fetches their jobs, runs their handlers, and writes down how they end. */
@Injectable()
export class OperationRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Operations');
  private readonly handlers = new Map<string, OperationHandler>();
  private readonly runs = new Map<RunningOperation, Promise<void>>();
  private looping: Promise<void> = Promise.resolve();
  /** The tick that is going on. */
  private ticking: Promise<void> | null = null;
  private timer?: NodeJS.Timeout;
  private wake: () => void = () => undefined;
  private lastFailure = { text: '', at: 0 };
  private stopping = false;
  /** Shutdown has waited long enough: nothing more is written. */
  private givenUp = false;

  constructor(
    private readonly jobs: Jobs,
    private readonly store: OperationStore,
    private readonly ends: OperationEnds,
    private readonly instance: Instance,
  ) {}

  /** Says who does the work of a type. */
  handle(type: string, handler: OperationHandler): void {
    if (this.handlers.has(type)) throw new Error(`operations of type ${type} have two handlers`);
    this.handlers.set(type, handler);
  }

  handles(type: string): boolean {
    return this.handlers.has(type);
  }

  onApplicationBootstrap(): void {
    // at the first sign of shutdown, while what handlers use is still there
    this.instance.onDrain(() => this.stop());
    this.looping = this.loop();
    this.timer = setInterval(
      () => void (this.ticking ??= this.tick().finally(() => (this.ticking = null))),
      TICK_MS,
    ).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stop();
    await this.looping;
    this.stop();
    await Promise.race([Promise.all(this.runs.values()), pause(SHUTDOWN_MS)]);
    clearInterval(this.timer);
    this.givenUp = true;
    await this.ticking;
    for (const run of this.runs.keys()) await this.giveBack(run).catch(() => undefined);
    await this.jobs.stop();
  }

  private stop(): void {
    this.stopping = true;
    this.wake();
    for (const run of this.runs.keys()) if (run.aborted === null) run.abort('shutdown');
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      const free = SLOTS - this.runs.size;
      const jobs = free > 0 && this.handlers.size > 0 ? await this.fetch(free) : [];
      // one after the other: claims are short, and what is claimed runs at once
      for (const job of jobs) await this.begin(job).catch((error: Error) => this.failed('could not be begun', error));
      if (jobs.length < free || free === 0) await this.rest();
    }
  }

  private async fetch(limit: number): Promise<FetchedJob[]> {
    try {
      return await this.jobs.fetch(limit);
    } catch (error) {
      this.failed('could not be fetched', error as Error);
      return [];
    }
  }

  /** Until the next look, or until a slot becomes free. */
  private rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async begin(job: FetchedJob): Promise<void> {
    if (this.stopping) return this.jobs.putBack(job);
    const row = await this.store.claim(job.id, [...this.handlers.keys()]);
    if (!row) return this.decline(job);
    const input = await this.store.input(row.id);
    const run = new RunningOperation(job, row, input?.value);
    const done = this.execute(run).catch((error: Error) => this.failed('could not be ended', error));
    this.runs.set(
      run,
      done.finally(() => {
        this.runs.delete(run);
        this.wake();
      }),
    );
  }

  /** It has ended or is gone, or a newer process knows its type. */
  private async decline(job: FetchedJob): Promise<void> {
    const row = await this.store.find(job.id);
    const open = row?.state === 'queued' || row?.state === 'running';
    await (open ? this.jobs.putBack(job) : this.jobs.finish(job));
  }

  private async execute(run: RunningOperation): Promise<void> {
    const end = run.row.deaths > MAX_DEATHS ? { state: 'failed' as const, problem: DIED } : await this.outcome(run);
    if (end === 'again') await this.untilWritten(() => this.giveBack(run));
    else if (end) await this.untilWritten(() => this.end(run, end));
  }

  /**
   * How the handler ended; `again` at shutdown, and when it was our own database that failed it: then the work is begun anew. Null when
   * another runner has the operation.
   */
  private async outcome(run: RunningOperation): Promise<OperationEnd | 'again' | null> {
    try {
      const result = await (this.handlers.get(run.row.type) as OperationHandler)(run);
      return { state: 'succeeded', result: shown(result, run) };
    } catch (error) {
      if (run.aborted === 'cancelled') return { state: 'cancelled' };
      if (run.aborted !== null) return run.aborted === 'shutdown' ? 'again' : null;
      if (LOST.has(describeError(error).code) && run.attempt < MAX_ATTEMPTS) return 'again';
      return { state: 'failed', problem: this.problemOf(error, run) };
    }
  }

  private problemOf(error: unknown, { id, row, knownSecrets }: RunningOperation): OperationProblem {
    const { status, code, title, detail, errors, extra } = describeError(error);
    if (code === 'internal_error')
      this.logger.error({ err: error, operationId: id, type: row.type }, 'unexpected failure');
    return redact(
      {
        type: `urn:einfra:problem:${code}`,
        title,
        status,
        detail:
          code === 'internal_error' ? 'Something went wrong. The log of the process says more under this id.' : detail,
        code,
        ...(errors ? { errors } : {}),
        ...extra,
      },
      knownSecrets,
    ) as OperationProblem;
  }

  private async end(run: RunningOperation, end: OperationEnd): Promise<void> {
    await this.keep(run);
    await this.ends.end(async (manager) => {
      const row = await this.store.end(manager, run.id, run.attempt, end);
      return row ? [row] : [];
    });
    // when another runner has the operation, the job is its, too, and stays
    await this.jobs.finish(run.job);
  }

  private async giveBack(run: RunningOperation): Promise<void> {
    await this.keep(run);
    await this.store.giveBack(run.id, run.attempt);
    await this.jobs.putBack(run.job);
  }

  /** A database that is away must not undo what was done: what is known of the run waits for it. */
  private async untilWritten(write: () => Promise<void>): Promise<void> {
    for (;;) {
      if (this.givenUp) return;
      try {
        return await write();
      } catch (error) {
        this.failed('could not be written, it is tried again', error as Error);
        await pause(TICK_MS);
      }
    }
  }

  private async keep(run: RunningOperation): Promise<void> {
    const news = run.take();
    if (!news) return;
    try {
      if (!(await this.store.keep(run.id, run.attempt, news.progress, news.lines))) run.abort('superseded');
    } catch (error) {
      run.putBack(news);
      throw error;
    }
  }

  private async tick(): Promise<void> {
    const runs = [...this.runs.keys()];
    if (runs.length === 0 || this.givenUp) return;
    try {
      await this.jobs.touch(runs.map(({ job }) => job));
      const standing = new Map((await this.store.standing(runs.map(({ id }) => id))).map((row) => [row.id, row]));
      for (const run of runs) {
        tell(run, standing.get(run.id));
        if (run.aborted !== 'superseded') await this.keep(run);
      }
    } catch (error) {
      this.failed('could not be kept alive', error as Error);
    }
  }

  /** A database that is away fails twice a second; once in a while is enough to know. */
  private failed(what: string, error: Error): void {
    const text = `operations ${what}: ${error.message}`;
    if (this.lastFailure.text === text && performance.now() - this.lastFailure.at < QUIET_MS) return;
    this.lastFailure = { text, at: performance.now() };
    this.logger.warn(text);
  }
}

function tell(
  run: RunningOperation,
  row: Pick<OperationRow, 'state' | 'attempt' | 'cancel_requested_at'> | undefined,
): void {
  if (run.aborted !== null) return;
  if (!row || row.attempt !== run.attempt || row.state !== 'running') run.abort('superseded');
  else if (row.cancel_requested_at) run.abort('cancelled');
}

/** A result as it may be kept. */
function shown(result: unknown, { knownSecrets }: RunningOperation): unknown {
  if (result === undefined) return undefined;
  const text = JSON.stringify(result);
  if (text.length > MAX_RESULT) return { truncated: true, characters: text.length };
  return redact(JSON.parse(text), knownSecrets);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
