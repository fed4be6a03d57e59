import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Schedules } from '../schedules/schedules.js';
import { Jobs } from './jobs.client.js';
import { OperationEnds } from './operation-ends.js';
import type { OperationProblem } from './operation-row.js';
import { OperationStore } from './operation-store.js';

const KEPT_DAYS = 30;
const BATCH = 500;

const LOST: OperationProblem = {
  type: 'urn:einfra:problem:operation_lost',
  title: 'Lost',
  status: 500,
  detail: 'Nobody took it up for 30 days, or its place in the queue is gone.',
  code: 'operation_lost',
};

/** Puts right what a process that died between two steps has left, and removes what ended long ago. */
@Injectable()
export class OperationsUpkeep implements OnModuleInit {
  constructor(
    private readonly store: OperationStore,
    private readonly jobs: Jobs,
    private readonly ends: OperationEnds,
    private readonly schedules: Schedules,
  ) {}

  onModuleInit(): void {
    this.schedules.define({
      name: 'operations.upkeep',
      description:
        'Records ends of operations that could not be recorded, and removes operations that ended 30 days ago',
      everySeconds: 60,
      jitterSeconds: 5,
      run: (signal) => this.run(signal),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const row of await this.store.unrecorded(BATCH)) await this.ends.record(row);
    await this.endLost(signal);
    while (!signal.aborted && (await this.store.removeOld(KEPT_DAYS, BATCH)) === BATCH);
  }

  private async abandon(id: string): Promise<void> {
    await this.ends.end(async (manager) => {
      const row = await this.store.abandon(manager, id, LOST);
      return row ? [row] : [];
    });
  }

  private async endLost(signal: AbortSignal): Promise<void> {
    for (let rows = await this.store.open(null, BATCH); rows.length > 0 && !signal.aborted;) {
      const alive = await this.jobs.alive(rows.map(({ id }) => id));
      for (const { id } of rows) {
        if (!alive.has(id)) await this.abandon(id);
      }
      rows = rows.length < BATCH ? [] : await this.store.open(rows.at(-1) ?? null, BATCH);
    }
  }
}
