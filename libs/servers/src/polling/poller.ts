import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { APP_CONFIG, type AppConfig, Cache, DatabaseUnavailable, describeError, Instance, ProblemError } from '#core';
import { CACHED_SERVERS } from '../cached-servers.js';
import { SamplePartitions } from '../metrics/sample-partitions.js';
import { MetricsSource } from '../metrics-source.js';
import { foundFacts } from '../facts/found-facts.js';
import { devicesOf } from '../metrics/devices.js';
import { isContinued, toSample, type NodeReading } from '../node-exporter-metrics.js';
import { silenceSeconds } from '../server-source.js';
import { SshSource } from '../ssh/ssh-source.js';
import { strainOf } from '../thresholds/thresholds.js';
import { newFacts } from './facts.js';
import { type Claim, type PollResult, PollStore } from './poll-store.js';
import { nextTurn, RETRY_MS, SECOND_READING_MS } from './schedule.js';
import { afterReading } from './status-machine.js';

const TICK_MS = 250;
/** Readings under way at a time. Those of servers that failed last time have places of their own: they may all hang. */
const STEADY_PLACES = 192;
const DOUBTFUL_PLACES = 64;
/** A lease outlasts the reading by the time that writing its result may take. */
const LEASE_MARGIN_MS = 5_000;
/** A reading to compare with must not be older than this many intervals. */
const COMPARABLE_INTERVALS = 4;

/** Reads the servers when they are due and keeps what they say. Any number of processes share the work. */
@Injectable()
export class Poller implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Poller');
  private readonly intervalMs: number;
  private readonly timeoutMs: number;
  private readonly underWay = new Set<Claim>();
  private readonly stopping = new AbortController();
  private finished: PollResult[] = [];
  private ticking: Promise<void> = Promise.resolve();
  private timer?: NodeJS.Timeout;
  private partitionsReady = false;
  private databaseFails = false;

  constructor(
    private readonly store: PollStore,
    private readonly source: MetricsSource,
    private readonly partitions: SamplePartitions,
    private readonly instance: Instance,
    private readonly cache: Cache,
    @Inject(APP_CONFIG) config: AppConfig,
    private readonly ssh: SshSource,
  ) {
    this.intervalMs = config.scrapeIntervalSeconds * 1000;
    this.timeoutMs = Math.min(config.upstreamTimeoutMs, this.intervalMs);
  }

  onApplicationBootstrap(): void {
    this.schedule();
  }

  /** Stops reading, writes what is finished and gives the rest back, so that another process need not wait for the leases to end. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.ticking;
    try {
      await this.flush();
      if (this.underWay.size > 0) await this.store.release([...this.underWay]);
    } catch (error) {
      this.logger.warn(`readings were not handed over: ${(error as Error).message}`);
    }
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.ticking = this.tick().finally(() => {
        if (!this.stopping.signal.aborted) this.schedule();
      });
    }, TICK_MS).unref();
  }

  /** Never rejects: whatever fails is tried again with the next tick. */
  private async tick(): Promise<void> {
    try {
      if (!this.partitionsReady) await this.partitions.ensure();
      this.partitionsReady = true;
      await this.flush();
      if (!this.instance.draining && !this.stopping.signal.aborted) await this.startDue();
      if (this.databaseFails) this.logger.log('the database answers again');
      this.databaseFails = false;
    } catch (error) {
      this.report(error);
    }
  }

  /** A database that is away is said once, anything else each time. */
  private report(error: unknown): void {
    if (describeError(error).code !== new DatabaseUnavailable().code)
      this.logger.error({ err: error }, 'polling failed');
    else if (!this.databaseFails)
      this.logger.warn(`the database does not answer, servers are not read: ${(error as Error).message}`);
    this.databaseFails = true;
  }

  private async startDue(): Promise<void> {
    const doubtful = [...this.underWay].filter(({ failures }) => failures > 0).length;
    const free = [STEADY_PLACES - (this.underWay.size - doubtful), DOUBTFUL_PLACES - doubtful] as const;
    const claims = await this.store.claim(...free, this.timeoutMs + LEASE_MARGIN_MS);
    for (const claim of claims) {
      this.underWay.add(claim);
      void this.read(claim);
    }
  }

  private async read(claim: Claim): Promise<void> {
    const started = Date.now();
    let result: PollResult;
    try {
      result = claim.source.type === 'push' ? silent(claim) : this.succeeded(claim, await this.readSource(claim));
    } catch (error) {
      // stopped in the middle: that says nothing about the server, and it is still among those to give back
      if (this.stopping.signal.aborted) return;
      result = this.failed(claim, this.reasonOf(error), Date.now() - started);
    }
    this.underWay.delete(claim);
    this.finished.push(result);
  }

  private readSource({ serverId: id, name, source }: Claim): Promise<NodeReading> {
    const [timeoutMs, signal] = [this.timeoutMs, this.stopping.signal];
    if (source.type === 'ssh') return this.ssh.read({ system: { kind: 'server', id, name }, timeoutMs, signal });
    if (source.type !== 'node-exporter') throw new Error(`a source of type ${source.type} can't be read`);
    return this.source.read({
      system: { kind: 'server', id, name },
      url: source.url,
      timeoutMs: this.timeoutMs,
      signal: this.stopping.signal,
    });
  }

  private succeeded(claim: Claim, reading: NodeReading): PollResult {
    const previous = claim.previous && this.comparable(claim.previous, reading) ? claim.previous : null;
    const sample = toSample(previous, reading);
    const state = afterReading(claim, null, strainOf(sample, claim.thresholds));
    const soon = previous ? (state.retrySoon ? this.retryMs : null) : SECOND_READING_MS;
    return {
      claim,
      state,
      nextAt: soon === null ? nextTurn(claim.serverId, claim.claimedAt, this.intervalMs) : claim.claimedAt + soon,
      success: {
        reading,
        sample,
        newFacts: newFacts(claim.facts, reading),
        devices: devicesOf(previous && isContinued(previous, reading) ? previous : null, reading),
        found: foundFacts(reading),
      },
    };
  }

  private failed(claim: Claim, reason: string, tookMs: number): PollResult {
    const state = afterReading(claim, reason);
    const turn = nextTurn(claim.serverId, claim.claimedAt, this.intervalMs);
    return { claim, state, nextAt: state.retrySoon ? claim.claimedAt + tookMs + this.retryMs : turn };
  }

  private get retryMs(): number {
    return Math.min(RETRY_MS, this.intervalMs);
  }

  private comparable(previous: NodeReading, current: NodeReading): boolean {
    const age = current.at - previous.at;
    return age > 0 && age <= COMPARABLE_INTERVALS * this.intervalMs;
  }

  private reasonOf(error: unknown): string {
    if (error instanceof ProblemError) return error.message;
    this.logger.error({ err: error }, 'a reading failed in an unexpected way');
    return 'Its answer could not be understood.';
  }

  private async flush(): Promise<void> {
    const results = this.finished;
    if (results.length === 0) return;
    this.finished = [];
    try {
      await this.complete(results);
    } catch (error) {
      // kept for the next tick; nothing is claimed while the database is away, so they can't pile up
      this.finished.unshift(...results);
      throw error;
    }
  }

  /** What one server said must never keep those of the others from being written. */
  private async complete(results: PollResult[]): Promise<void> {
    try {
      await this.store.complete(results);
      if (results.some(showsChange)) await this.cache.invalidate(...CACHED_SERVERS.tags);
    } catch (error) {
      const { code } = describeError(error);
      if (code === new DatabaseUnavailable().code) throw error;
      this.partitionsReady = false;
      if (results.length === 1) {
        this.logger.error({ err: error, serverId: results[0]?.claim.serverId }, 'a reading could not be kept');
        return;
      }
      const middle = results.length >> 1;
      await this.complete(results.slice(0, middle));
      await this.complete(results.slice(middle));
    }
  }
}

/** Whether somebody who looks at the server sees more than a newer `lastSeenAt`. */
function showsChange({ claim, state, success }: PollResult): boolean {
  return state.status !== claim.status || state.reason !== claim.reason || Boolean(success?.newFacts);
}

/** A server that pushes is only due here when it has been silent for too long. It is due again after its next sample. */
function silent(claim: Claim): PollResult {
  const seconds = claim.source.type === 'push' ? silenceSeconds(claim.source) : 0;
  const { status } = claim;
  // several intervals have passed: nothing is left to be made sure of
  const from = { ...claim, status: status === 'maintenance' ? status : ('offline' as const) };
  return { claim, state: afterReading(from, `No sample was pushed for ${seconds} s.`), nextAt: null };
}
