import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { SamplePartitions } from './sample-partitions.js';

const PARTITIONS_MS = 60 * 60_000;
const ORPHANS_MS = 15_000;

/** Keeps the sample store in order: partitions ahead of time, nothing past retention, nothing of servers that are gone. */
@Injectable()
export class SampleUpkeep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('SampleUpkeep');
  private timers: NodeJS.Timeout[] = [];
  /** One thing at a time. */
  private working: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly partitions: SamplePartitions) {}

  onApplicationBootstrap(): void {
    this.timers = [
      this.every(PARTITIONS_MS, async () => {
        await this.partitions.ensure();
        await this.partitions.dropOld();
      }),
      this.every(ORPHANS_MS, () => this.partitions.removeOrphans()),
    ];
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.timers.forEach(clearInterval);
    await this.working;
  }

  /** Now, and then every `ms`. */
  private every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    const run = async (): Promise<void> => {
      if (this.stopped) return;
      await work().catch((error: Error) =>
        this.logger.warn(`upkeep of metric samples failed, it is tried again: ${error.message}`),
      );
    };
    const enqueue = (): void => {
      this.working = this.working.then(run);
    };
    enqueue();
    return setInterval(enqueue, ms).unref();
  }
}
