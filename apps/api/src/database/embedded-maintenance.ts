import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';

const CHECKPOINT_MS = 5 * 60_000;
const VACUUM_MS = 60 * 60_000;

/** The embedded database has no checkpointer and no autovacuum: this does their work. */
@Injectable()
export class EmbeddedMaintenance implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('EmbeddedMaintenance');
  private timers: NodeJS.Timeout[] = [];

  constructor(private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    this.timers = [this.every(CHECKPOINT_MS, 'CHECKPOINT'), this.every(VACUUM_MS, 'VACUUM (ANALYZE)')];
  }

  onApplicationShutdown(): void {
    this.timers.forEach(clearInterval);
  }

  private every(ms: number, statement: string): NodeJS.Timeout {
    const run = (): void =>
      void this.dataSource
        .query(statement)
        .catch((error: Error) => this.logger.warn(`${statement} failed: ${error.message}`));
    return setInterval(run, ms).unref();
  }
}
