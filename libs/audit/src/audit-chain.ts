import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditUnavailable, KeyStore, type StoredKey } from '#core';
import { HEAD_COLUMNS, type RawAuditHead, type ReadHead, readHead, UnknownAuditKey } from './audit-head.js';
import { type AuditHead, entryMac, GENESIS_MAC, sameMac } from './audit-mac.js';
import type { AuditRow, NewAuditRow } from './audit-row.js';
import { type ChainLink, lastLink, lockHead, removeLinks, writeFirstHead, writeLinks } from './chain-statements.js';

/** Rows written in one transaction at the most. */
const BATCH = 200;
/** Rows that may wait; beyond, actions are refused. */
const QUEUE_LIMIT = 10_000;
/** Action of the entry that says that the chain was found changed; `verify` reports it for ever. */
export const TAMPERING = 'audit.tampering';

/** Where a row came to stand. */
export interface Appended {
  seq: number;
  at: Date;
}

/** The log is not as EINFRA wrote it. The next entry says so. */
export class TamperedLog extends Error {
  constructor() {
    super('the audit log is not as it was written');
  }
}

interface Waiting {
  row: NewAuditRow;
  resolve: (appended: Appended) => void;
  reject: (error: Error) => void;
}

/**
 * Appends to the audit log. Each row is signed over the one before; the head row, locked while appending, makes numbers gap-free
 * across processes and a cut tail visible. What waits in this process is written together, in a short transaction of its own:
 * never call it from within a transaction.
 *
 * A database superuser can put back an earlier state, head included. A running process remembers the newest state it has seen and
 * notices; for the time between two runs, the head is said in the process log at start and stop.
 */
@Injectable()
export class AuditChain implements OnApplicationBootstrap {
  private readonly logger = new Logger('Audit');
  private readonly queue: Waiting[] = [];
  private opened: Promise<void> | null = null;
  private running: Promise<void> | null = null;
  private newest: AuditHead | null = null;

  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: KeyStore,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.open();
  }

  /** Makes the head of a new log, and says where an old one stands. Appending does it first when nobody has. */
  open(): Promise<void> {
    this.opened ??= this.openNow().catch((error: unknown) => {
      this.opened = null;
      throw error;
    });
    return this.opened;
  }

  private async openNow(): Promise<void> {
    const head: AuditHead = { seq: 0, mac: GENESIS_MAC, at: new Date(0), baseSeq: 0, baseMac: GENESIS_MAC };
    await writeFirstHead(this.dataSource.manager, head, this.keys.current('audit'));
    const [raw] = await this.dataSource.query<RawAuditHead[]>(`SELECT ${HEAD_COLUMNS} FROM audit_head`);
    if (raw) this.logger.log({ seq: Number(raw.seq), mac: raw.mac.toString('base64') }, 'audit log stands at');
  }

  /** How many rows of this process wait to be written. */
  get waiting(): number {
    return this.queue.length;
  }

  /** The newest state that this process has seen committed; null before the first. */
  get seen(): AuditHead | null {
    return this.newest;
  }

  /** Takes note of a genuine head. */
  see(head: AuditHead): void {
    if (!this.newest || head.seq >= this.newest.seq) this.newest = head;
  }

  /** Appends one row; resolves when it is committed. Throws AuditUnavailable when it can't be. */
  append(row: NewAuditRow): Promise<Appended> {
    if (this.queue.length >= QUEUE_LIMIT)
      return Promise.reject(new AuditUnavailable(new Error('too many entries wait')));
    return new Promise((resolve, reject) => {
      this.queue.push({ row, resolve, reject });
      this.running ??= this.run();
    });
  }

  /**
   * Removes the oldest rows, up to a number, and appends the entry that says so, at once: the chain always fits together, and begins
   * behind the last row that was removed. Answers how many there were. Throws TamperedLog instead of removing what proves a change.
   */
  async removeUpTo(seq: number, checkpoint: (removed: ChainLink & { count: number }) => NewAuditRow): Promise<number> {
    await this.keys.reload();
    const key = this.keys.current('audit');
    const { head, count } = await this.dataSource.transaction(async (manager) => {
      const { raw, now } = await lockHead(manager);
      const read = readHead(raw, this.keys, true);
      if (!read?.genuine || this.isOlderThanSeen(read.head)) throw new TamperedLog();
      const removed = await removeLinks(manager, seq);
      if (!removed) return { head: read.head, count: 0 };
      const tip = { ...read.head, baseSeq: removed.seq, baseMac: removed.mac };
      const chained = chain([checkpoint(removed)], tip, now, key);
      if (!(await writeLinks(manager, chained.signed, chained.head, key, read.head))) throw new TamperedLog();
      return { head: chained.head, count: removed.count };
    });
    this.see(head);
    return count;
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.running) await this.running;
    if (this.newest)
      this.logger.log({ seq: this.newest.seq, mac: this.newest.mac.toString('base64') }, 'audit log stands at');
  }

  private async run(): Promise<void> {
    // what arrives in the same turn of the event loop goes together
    await Promise.resolve();
    while (this.queue.length > 0) await this.writeBatch(this.queue.splice(0, BATCH));
    // in the same turn as the last look at the queue: whoever appends from now on starts anew
    this.running = null;
  }

  private async writeBatch(batch: Waiting[]): Promise<void> {
    try {
      await this.open();
      const appended = await this.write(batch.map(({ row }) => row));
      batch.forEach(({ resolve }, index) => resolve(appended[index] as Appended));
    } catch (error) {
      // the others have waited just as long for the same database
      const failed = [...batch, ...this.queue.splice(0)];
      this.logger.error(
        { cause: (error as Error).message, entries: failed.length },
        'audit entries could not be written',
      );
      for (const { reject } of failed) reject(new AuditUnavailable(error));
    }
  }

  private async write(rows: readonly NewAuditRow[]): Promise<Appended[]> {
    try {
      return await this.writeOnce(rows, false);
    } catch (error) {
      if (!(error instanceof UnknownAuditKey)) throw error;
      await this.keys.reload();
      return this.writeOnce(rows, true);
    }
  }

  private async writeOnce(rows: readonly NewAuditRow[], keysAreFresh: boolean): Promise<Appended[]> {
    const key = this.keys.current('audit');
    const { signed, head } = await this.dataSource.transaction(async (manager) => {
      const { raw, now } = await lockHead(manager);
      const read = readHead(raw, this.keys, keysAreFresh);
      if (read?.genuine && !this.isOlderThanSeen(read.head)) {
        const chained = chain(rows, read.head, now, key);
        if (await writeLinks(manager, chained.signed, chained.head, key, read.head)) return chained;
      }
      return this.writeFinding(manager, rows, read, now);
    });
    this.see(head);
    return signed.slice(signed.length - rows.length).map(({ seq, at }) => ({ seq, at }));
  }

  /** Something was changed by hand: that becomes the next entry, or signing the head anew would hide it. */
  private async writeFinding(
    manager: EntityManager,
    rows: readonly NewAuditRow[],
    read: ReadHead | null,
    now: Date,
  ): Promise<Chained> {
    const key = this.keys.current('audit');
    const last = await lastLink(manager);
    const genuine = read?.genuine ? read.head : null;
    const trouble = !read
      ? 'the head is missing'
      : !genuine
        ? 'the head was changed'
        : 'the end of the log is not what was written last';
    // go on behind everything that was ever there, so that what is missing stays missing
    const seq = Math.max(last?.seq ?? 0, this.newest?.seq ?? 0, genuine?.seq ?? 0);
    const { baseSeq, baseMac } = genuine ?? this.newest ?? { baseSeq: 0, baseMac: GENESIS_MAC };
    const chained = chain(
      [tamperingFound(trouble), ...rows],
      { seq, mac: last?.mac ?? baseMac, at: now, baseSeq, baseMac },
      now,
      key,
    );
    await writeLinks(manager, chained.signed, chained.head, key, null);
    this.logger.error({ seq: seq + 1 }, `the audit log has been tampered with: ${trouble}`);
    return chained;
  }

  private isOlderThanSeen({ seq, mac }: AuditHead): boolean {
    if (!this.newest) return false;
    return this.newest.seq > seq || (this.newest.seq === seq && !sameMac(this.newest.mac, mac));
  }
}

interface Chained {
  signed: AuditRow[];
  head: AuditHead;
}

function tamperingFound(detail: string): NewAuditRow {
  return {
    phase: 'event',
    actionId: randomUUID(),
    actorId: null,
    actorName: 'system',
    action: TAMPERING,
    resourceType: null,
    resourceId: null,
    outcome: 'failed',
    instanceId: null,
    payload: JSON.stringify({ detail }),
  };
}

/** Numbers, dates and signs rows behind the tip. Times never decrease: a period of time is a range of numbers. */
function chain(rows: readonly NewAuditRow[], tip: AuditHead, now: Date, { id, key }: StoredKey): Chained {
  const at = now > tip.at ? now : tip.at;
  let { seq, mac } = tip;
  const signed = rows.map((row) => {
    seq++;
    const unsigned = { ...row, seq, entrySeq: row.entrySeq ?? seq, at, keyId: id };
    mac = entryMac(key, unsigned, mac);
    return { ...unsigned, mac };
  });
  return { signed, head: { ...tip, seq, mac, at } };
}
