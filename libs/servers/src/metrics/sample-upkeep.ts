import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Schedules } from '#core';
import { RollUp } from './roll-up.js';
import { SamplePartitions } from './sample-partitions.js';

/** Keeps what servers have measured in order: partitions ahead of time, the roll-up, nothing past retention or of servers that are gone. */
@Injectable()
export class SampleUpkeep implements OnModuleInit {
  constructor(
    private readonly schedules: Schedules,
    private readonly partitions: SamplePartitions,
    private readonly rollUp: RollUp,
    private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.schedules.define({
      name: 'server-samples.retention',
      description: 'Makes the daily partitions of metric samples ahead of time and removes what is past retention.',
      everySeconds: 3_600,
      jitterSeconds: 60,
      run: async () => {
        await this.partitions.ensure();
        await this.partitions.dropOld();
        await this.rollUp.dropOld();
        await this.dataSource.query(`DELETE FROM server_imports WHERE created_at < now() - interval '1 day'`);
      },
    });
    this.schedules.define({
      name: 'server-samples.roll-up',
      description: 'Rolls metric samples up to five minutes each, for long histories.',
      everySeconds: 60,
      jitterSeconds: 5,
      run: () => this.rollUp.advance(),
    });
    this.schedules.define({
      name: 'server-samples.removals',
      description: 'Removes the samples of servers that are gone.',
      everySeconds: 15,
      jitterSeconds: 0,
      run: () => this.partitions.removeOrphans(),
    });
  }
}
