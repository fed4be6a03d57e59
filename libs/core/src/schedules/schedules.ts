import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { describeError } from '../errors/problem.js';
import { Jobs } from '../operations/jobs.client.js';
import { Instance } from '../process/instance.js';
import { type ScheduleRow, ScheduleStore, type Turn } from './schedule-store.js';
import { firstTurn, nextTurn, ruleText, type ScheduleRule } from './schedule-times.js';

/** Work that comes back. */
export type ScheduleDefinition = ScheduleRule & {
  /** `<thing>.<what>`, like `audit.retention`. */
  name: string;
  description: string;
  /** Turns are put off by up to so many seconds, each anew, so that not everything begins at once. */
  jitterSeconds: number;
  /** Does the work. A failure is shown and logged; the next turn tries again. Aborted at shutdown. */
  run: (signal: AbortSignal) => Promise<void>;
};

const LOOK_MS = 1_000;
const EXTEND_MS = 5_000;
const SHUTDOWN_MS = 5_000;

interface Run {
  row: ScheduleRow;
  abort: AbortController;
  done: Promise<void>;
}

/**
 * Runs each schedule once a turn, whichever process that is. A turn that nobody was there for is made up for once; one that falls
 * into the run before waits for its end; one whose process dies over it is not repeated. pg-boss's own schedules know minutes only,
 * no jitter, and no run that is still going on.
 */
@Injectable()
export class Schedules implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Schedules');
  private readonly defined = new Map<string, ScheduleDefinition>();
  /** Defined here and not in the table yet. */
  private readonly fresh = new Set<string>();
  private readonly runs = new Map<string, Run>();
  private timer?: NodeJS.Timeout;
  private looking: Promise<void> | null = null;
  private extendedAt = 0;
  private stopping = false;

  constructor(
    private readonly store: ScheduleStore,
    private readonly jobs: Jobs,
    private readonly instance: Instance,
  ) {}

  /** Adds a schedule. Called when the module starts, in every process. */
  define(definition: ScheduleDefinition): void {
    const { name } = definition;
    if (this.defined.has(name)) throw new Error(`the schedule ${name} is defined twice`);
    firstTurn(definition, new Date(), this.nextCron);
    this.defined.set(name, definition);
    this.fresh.add(name);
  }

  /** Names of all that are defined. */
  names(): string[] {
    return [...this.defined.keys()];
  }

  async onApplicationBootstrap(): Promise<void> {
    this.instance.onDrain(() => this.stop());
    await this.ensureFresh();
    this.timer = setInterval(
      () => void (this.looking ??= this.look().finally(() => (this.looking = null))),
      LOOK_MS,
    ).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stop();
    await this.looking;
    this.stop();
    clearInterval(this.timer);
    const late = new Promise<void>((resolve) => setTimeout(resolve, SHUTDOWN_MS).unref());
    await Promise.race([Promise.all([...this.runs.values()].map(({ done }) => done)), late]);
  }

  /** Nothing new begins, and what runs is asked to end; until it has, its lease is kept. */
  private stop(): void {
    this.stopping = true;
    for (const { abort } of this.runs.values()) abort.abort(new Error('shutdown'));
  }

  private async look(): Promise<void> {
    try {
      await this.extend();
      await this.ensureFresh();
      const free = this.names().filter((name) => !this.runs.has(name));
      if (free.length === 0 || this.stopping) return;
      for (const row of await this.store.take(free, (due) => this.turnAfter(due))) this.begin(row);
    } catch (error) {
      this.logger.warn(`schedules could not be looked at: ${(error as Error).message}`);
    }
  }

  private async ensureFresh(): Promise<void> {
    if (this.fresh.size === 0) return;
    const now = await this.store.now();
    for (const name of this.fresh) {
      const definition = this.defined.get(name) as ScheduleDefinition;
      const row = {
        name,
        description: definition.description,
        rule: ruleText(definition),
        jitter_seconds: definition.jitterSeconds,
      };
      await this.store.ensure(row, jittered(definition, firstTurn(definition, now, this.nextCron)));
      this.fresh.delete(name);
    }
  }

  private readonly nextCron = (cron: string, from: Date): Date => this.jobs.nextTime(cron, from);

  private turnAfter(row: ScheduleRow): Turn {
    const definition = this.defined.get(row.name) as ScheduleDefinition;
    return jittered(definition, nextTurn(definition, row.turn_at, row.now, this.nextCron));
  }

  private begin(row: ScheduleRow): void {
    const abort = new AbortController();
    const definition = this.defined.get(row.name) as ScheduleDefinition;
    const done = this.run(definition, row, abort.signal).finally(() => this.runs.delete(row.name));
    this.runs.set(row.name, { row, abort, done });
  }

  private async run(definition: ScheduleDefinition, row: ScheduleRow, signal: AbortSignal): Promise<void> {
    let failure: string | null = null;
    try {
      await definition.run(signal);
    } catch (error) {
      const { code, detail } = describeError(error);
      failure = code === 'internal_error' ? 'Something went wrong. The log of the process says more.' : detail;
      if (!signal.aborted) this.logger.error({ err: error, schedule: row.name }, 'a schedule failed');
      else failure = 'The process that ran it was shut down before the work was done.';
    }
    await this.store
      .finish(row, failure)
      .catch((error: Error) => this.logger.warn(`the end of ${row.name} could not be written: ${error.message}`));
  }

  /** Keeps what runs here, and notices what has lost its process elsewhere. */
  private async extend(): Promise<void> {
    if (performance.now() - this.extendedAt < EXTEND_MS) return;
    this.extendedAt = performance.now();
    if (this.runs.size > 0) await this.store.extend([...this.runs.values()].map(({ row }) => row));
    await this.store.failLost();
  }
}

function jittered({ jitterSeconds }: ScheduleDefinition, turn: Date): Turn {
  return { turnAt: turn, nextRunAt: new Date(turn.getTime() + Math.random() * jitterSeconds * 1_000) };
}
