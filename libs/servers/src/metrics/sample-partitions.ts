import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { APP_CONFIG, type AppConfig } from '#core';

/** Serialises what replicas do to the partitions. */
const PARTITIONS_LOCK = 7_341_004;
const DAY_MS = 86_400_000;
const PREFIX = 'server_samples_';
/** Dropping a partition waits for its readers, and new ones wait behind it: not for long. It is tried again an hour later. */
const DROP_TIMEOUT = '2s';

/** The daily partitions of `server_samples` (days of UTC): made ahead, dropped when their samples are too old. */
@Injectable()
export class SamplePartitions {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Makes the partitions from yesterday to the day after tomorrow, unless they are there. */
  async ensure(now = Date.now()): Promise<void> {
    await this.ensureDays([-1, 0, 1, 2].map((offset) => now + offset * DAY_MS));
  }

  /** Makes the partitions for these times, unless they are there. */
  async ensureDays(times: readonly number[]): Promise<void> {
    const days = [...new Set(times.map(dayOf))];
    const ready = new Set(await this.present());
    if (days.every((day) => ready.has(nameOf(day)))) return;
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [PARTITIONS_LOCK]);
      const present = new Set(await this.present(manager));
      for (const day of days) {
        if (present.has(nameOf(day))) continue;
        // made aside and attached: that does not keep readers and writers of the others waiting
        await manager.query(`CREATE TABLE ${nameOf(day)} (LIKE server_samples INCLUDING DEFAULTS)`);
        await manager.query(
          `ALTER TABLE server_samples ATTACH PARTITION ${nameOf(day)} FOR VALUES FROM ('${at(day)}') TO ('${at(day + DAY_MS)}')`,
        );
      }
    });
  }

  /** Drops the partitions whose newest possible sample is past retention. */
  async dropOld(now = Date.now()): Promise<void> {
    const oldest = nameOf(dayOf(now - this.config.metricsRetentionDays * DAY_MS));
    for (const name of (await this.present()).filter((partition) => partition < oldest)) {
      await this.dataSource.transaction(async (manager) => {
        await manager.query(`SET LOCAL lock_timeout = '${DROP_TIMEOUT}'`);
        await manager.query(`DROP TABLE IF EXISTS ${name}`);
      });
    }
  }

  /** Removes the samples of servers that are gone, a day at a time. */
  async removeOrphans(): Promise<void> {
    const servers: { server_id: string }[] = await this.dataSource.query(
      'SELECT server_id FROM server_sample_removals ORDER BY removed_at',
    );
    if (servers.length === 0) return;
    const partitions = await this.present();
    for (const { server_id: id } of servers) {
      for (const partition of partitions)
        await this.dataSource.query(`DELETE FROM ${partition} WHERE server_id = $1`, [id]);
      await this.dataSource.query('DELETE FROM server_samples_5m WHERE server_id = $1', [id]);
      await this.dataSource.query('DELETE FROM server_sample_removals WHERE server_id = $1', [id]);
    }
  }

  /** Names of the partitions, oldest first. */
  private async present(manager = this.dataSource.manager): Promise<string[]> {
    const rows: { name: string }[] = await manager.query(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'server_samples'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name).filter((name) => /^server_samples_\d{8}$/.test(name));
  }
}

function dayOf(time: number): number {
  return Math.floor(time / DAY_MS) * DAY_MS;
}

function nameOf(day: number): string {
  return PREFIX + new Date(day).toISOString().slice(0, 10).replaceAll('-', '');
}

function at(day: number): string {
  return new Date(day).toISOString();
}
