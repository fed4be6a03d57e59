import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { APP_CONFIG, type AppConfig, Conflict, Schedules } from '#core';
import { AuditChain } from './audit-chain.js';
import { AuditVerifier } from './audit-verifier.js';
import type { AuditPayload, NewAuditRow } from './audit-row.js';
import type { ChainLink } from './chain-statements.js';

const DAY_MS = 86_400_000;
/** Rows removed in one transaction: everybody who writes waits for it. */
const BATCH = 5_000;

/** Action of the entry that says what retention has removed, and where the chain begins since. */
export const RETENTION = 'audit.retention';

/** Removes entries that are older than AUDIT_RETENTION_DAYS. The chain is verified first: what proves a change stays. */
@Injectable()
export class AuditRetention implements OnModuleInit {
  private readonly logger = new Logger('Audit');

  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: AuditChain,
    private readonly verifier: AuditVerifier,
    private readonly schedules: Schedules,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    const days = this.config.auditRetentionDays;
    if (days === 0) return;
    this.schedules.define({
      name: RETENTION,
      description: `Removes audit entries that are older than ${days} days`,
      everySeconds: DAY_MS / 1_000,
      jitterSeconds: 600,
      run: async (signal) => void (await this.removeBefore(new Date(Date.now() - days * DAY_MS), signal)),
    });
  }

  /** Removes what was written before a time; answers how many rows that were. Throws Conflict when the chain does not verify. */
  async removeBefore(time: Date, signal?: AbortSignal): Promise<number> {
    const range = await this.rangeBefore(time);
    if (!range) return 0;
    const { valid, firstInvalid } = await this.verifier.verify();
    if (!valid)
      throw new Conflict(
        `The chain does not verify (entry ${firstInvalid?.seq}: ${firstInvalid?.reason}). Nothing was removed, so that it can be looked into.`,
      );
    let count = 0;
    for (let upTo = range.first - 1; upTo < range.last && !signal?.aborted;) {
      upTo = Math.min(upTo + BATCH, range.last);
      count += await this.chain.removeUpTo(upTo, (removed) => checkpoint(removed, time));
    }
    this.logger.log({ rows: count, before: time.toISOString() }, 'old audit entries were removed');
    return count;
  }

  private async rangeBefore(time: Date): Promise<{ first: number; last: number } | null> {
    const [row] = await this.dataSource.query<{ first: string; last: string }[]>(
      `SELECT (SELECT min(seq) FROM audit_entries) AS first, seq AS last FROM audit_entries WHERE at < $1
       ORDER BY at DESC, seq DESC LIMIT 1`,
      [time.toISOString()],
    );
    return row ? { first: Number(row.first), last: Number(row.last) } : null;
  }
}

/** The entry behind which nobody can say that more was removed, or less. */
function checkpoint({ seq, mac, count }: ChainLink & { count: number }, before: Date): NewAuditRow {
  const payload: AuditPayload = {
    detail: `${count} rows written before ${before.toISOString()} were removed; the chain begins after row ${seq}.`,
    after: {
      removedRows: count,
      lastRemoved: seq,
      lastSignature: mac.toString('base64'),
      before: before.toISOString(),
    },
  };
  return {
    phase: 'event',
    actionId: randomUUID(),
    actorId: null,
    actorName: 'system',
    action: RETENTION,
    resourceType: 'audit',
    resourceId: null,
    outcome: 'succeeded',
    instanceId: null,
    payload: JSON.stringify(payload),
  };
}
