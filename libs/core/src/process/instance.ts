import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';

const BEAT_MS = 5_000;
/** A process that has not been seen for this long is taken for dead. */
export const DEAD_AFTER_SECONDS = 20;

/** This process among the replicas: it says every 5 s that it is alive, in the table `instances`. */
@Injectable()
export class Instance implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly id = randomUUID();
  private readonly logger = new Logger('Instance');
  private timer?: NodeJS.Timeout;
  private stopping = false;
  private readonly drainListeners: (() => void)[] = [];

  constructor(private readonly dataSource: DataSource) {}

  /** True once shutdown has begun: readiness turns red so that no new work arrives. */
  get draining(): boolean {
    return this.stopping;
  }

  /** Called when shutdown begins, before the server closes. */
  drain(): void {
    this.stopping = true;
    for (const listener of this.drainListeners) listener();
  }

  /** Called when shutdown begins: what is kept open for clients ends now, while other processes can take them. */
  onDrain(listener: () => void): void {
    this.drainListeners.push(listener);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.beat();
    this.timer = setInterval(
      () => void this.beat().catch((error: Error) => this.logger.warn(`heartbeat failed: ${error.message}`)),
      BEAT_MS,
    );
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.dataSource.query('DELETE FROM instances WHERE id = $1', [this.id]).catch(() => undefined);
  }

  private async beat(): Promise<void> {
    await this.dataSource.query(
      'INSERT INTO instances (id, seen_at) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at',
      [this.id],
    );
    await this.dataSource.query(`DELETE FROM instances WHERE seen_at < now() - interval '1 hour'`);
  }
}
