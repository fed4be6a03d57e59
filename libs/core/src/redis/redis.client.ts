import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

/** A command that takes longer has failed: a frozen Redis must cost little. */
const COMMAND_TIMEOUT_MS = 150;
const PROBE_MS = 100;

/** Redis is known to be away. Callers do without it. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
}

/**
 * The connection to Redis with one circuit breaker for all who use it. Any failed command opens it; while open, commands fail at
 * once and a probe asks every 100 ms whether Redis is back. Before it closes, `onReturn` runs: invalidations may have been lost.
 */
export class RedisConnection {
  private readonly logger = new Logger('Redis');
  /** For stores that take a client; whoever uses it sends commands inside `run`. */
  readonly client: Redis;
  private open = true;
  private stopped = false;
  private returning?: Promise<void>;
  private probeTimer?: NodeJS.Timeout;
  private readonly returnListeners: ((client: Redis) => Promise<unknown>)[] = [];

  constructor(url: string) {
    this.client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      maxRetriesPerRequest: 1,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 1_000,
      retryStrategy: (attempt) => Math.min(attempt * 50, 500),
    });
    // without a listener every failed reconnect would be printed; the breaker says it once
    this.client.on('error', () => undefined);
    this.client.on('close', () => this.trip('the connection was lost'));
    this.client.on('ready', () => void this.tryReturn().catch(() => undefined));
  }

  /** Connects once; a Redis that is away does not keep the process from starting. */
  async connect(): Promise<void> {
    await this.client.connect().catch(() => undefined);
    await this.tryReturn().catch(() => undefined);
    if (this.open) this.trip('it does not answer');
  }

  /** Whether commands are sent at the moment. */
  get available(): boolean {
    return !this.open;
  }

  /** Runs commands. Throws RedisAway when Redis is away or fails now. */
  async run<T>(work: (client: Redis) => Promise<T>): Promise<T> {
    if (this.open) throw new RedisAway('Redis is away');
    try {
      return await work(this.client);
    } catch (error) {
      this.trip((error as Error).message);
      throw new RedisAway('Redis failed', { cause: error });
    }
  }

  /** As `run`, but asks an absent Redis once more: for what must not be lost if there is any way. */
  async insist<T>(work: (client: Redis) => Promise<T>): Promise<T> {
    if (this.open) await this.tryReturn();
    return this.run(work);
  }

  /** Called with the client each time before commands flow again, the first time included. */
  onReturn(listener: (client: Redis) => Promise<unknown>): void {
    this.returnListeners.push(listener);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.probeTimer);
    this.client.disconnect();
  }

  private trip(reason: string): void {
    if (!this.open) this.logger.warn(`Redis is away (${reason}); going on without it`);
    this.open = true;
    this.scheduleProbe();
  }

  private scheduleProbe(): void {
    if (this.stopped) return;
    clearTimeout(this.probeTimer);
    this.probeTimer = setTimeout(() => {
      this.tryReturn().catch(() => this.scheduleProbe());
    }, PROBE_MS).unref();
  }

  /** Closes the breaker if Redis answers and all listeners succeed; throws otherwise. */
  private tryReturn(): Promise<void> {
    if (!this.open) return Promise.resolve();
    this.returning ??= this.comeBack().finally(() => (this.returning = undefined));
    return this.returning;
  }

  private async comeBack(): Promise<void> {
    await this.client.ping();
    for (const listener of this.returnListeners) await listener(this.client);
    this.open = false;
    clearTimeout(this.probeTimer);
    this.logger.log('Redis answers');
  }
}
