import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { KeyStore } from '#core';
import { AuditChain, TAMPERING } from './audit-chain.js';
import { HEAD_COLUMNS, type RawAuditHead, type ReadHead, readHead, UnknownAuditKey } from './audit-head.js';
import { type AuditHead, entryMac, GENESIS_MAC, sameMac } from './audit-mac.js';
import { AUDIT_COLUMNS, type AuditRow, auditRow, type RawAuditRow } from './audit-row.js';

const BATCH = 1_000;

/** What a verification found. */
export interface Verification {
  valid: boolean;
  entries: number;
  firstInvalid: { seq: number; reason: string } | null;
}

type Fault = NonNullable<Verification['firstInvalid']>;

/** The state that is verified: taken in one statement, so that head and last row belong together. */
interface Snapshot {
  head: AuditHead | null;
  /** Whether the head is there and its signature fits. */
  genuine: boolean;
  lastSeq: number | null;
}

/** Recomputes every signature of the chain. Reads in batches, without a transaction that stays open. */
@Injectable()
export class AuditVerifier {
  private current: Promise<Verification> | null = null;

  constructor(
    private readonly dataSource: DataSource,
    private readonly keys: KeyStore,
    private readonly chain: AuditChain,
  ) {}

  /** Verifies the whole chain; whoever asks while one is running waits for the same result. */
  verify(): Promise<Verification> {
    this.current ??= this.run().finally(() => (this.current = null));
    return this.current;
  }

  /** Retention may move the beginning of the chain while it is walked: then it is walked again. */
  private async run(): Promise<Verification> {
    for (;;) {
      const { base, verification } = await this.verifyOnce();
      if (verification.valid || base === (await this.snapshot()).head?.baseSeq) return verification;
    }
  }

  private async verifyOnce(): Promise<{ base: number | undefined; verification: Verification }> {
    const seen = this.chain.seen;
    const snapshot = await this.snapshot();
    // the base of a changed head can't be believed: what lies before the first row is missing then
    const base = snapshot.genuine && snapshot.head ? snapshot.head : { baseSeq: 0, baseMac: GENESIS_MAC };
    const walk = { seq: base.baseSeq, mac: base.baseMac, entries: 0 };
    const fault = (await this.walk(walk, snapshot.lastSeq ?? 0)) ?? this.faultAtEnd(walk, snapshot, seen);
    if (!fault && snapshot.head) this.chain.see(snapshot.head);
    const verification = { valid: fault === null, entries: walk.entries, firstInvalid: fault };
    return { base: snapshot.head?.baseSeq, verification };
  }

  private async snapshot(): Promise<Snapshot> {
    const [raw] = await this.dataSource.query<(Partial<RawAuditHead> & { last_seq: string | null })[]>(
      `SELECT last.seq AS last_seq, ${HEAD_COLUMNS.replace(/(\w+)/g, 'head.$1')}
       FROM (SELECT max(seq) AS seq FROM audit_entries) last LEFT JOIN audit_head head ON true`,
    );
    const row = raw?.seq == null ? undefined : (raw as RawAuditHead);
    const read = await this.read(row);
    return {
      head: read?.head ?? null,
      genuine: read?.genuine ?? false,
      lastSeq: raw?.last_seq == null ? null : Number(raw.last_seq),
    };
  }

  private async read(raw: RawAuditHead | undefined): Promise<ReadHead | null> {
    try {
      return readHead(raw, this.keys, false);
    } catch (error) {
      if (!(error instanceof UnknownAuditKey)) throw error;
      await this.keys.reload();
      return readHead(raw, this.keys, true);
    }
  }

  /** Checks all rows up to `lastSeq`; `walk` is moved along. */
  private async walk(walk: { seq: number; mac: Buffer; entries: number }, lastSeq: number): Promise<Fault | null> {
    // from the smallest: a row before the base of the chain is as wrong as a missing one
    for (let from = Number.MIN_SAFE_INTEGER; from < lastSeq;) {
      const rows = await this.batch(from, lastSeq);
      if (rows.length === 0) return null;
      await this.loadKeysOf(rows);
      for (const row of rows) {
        const fault = this.faultOf(row, walk);
        if (fault) return fault;
        walk.seq = row.seq;
        walk.mac = row.mac;
        walk.entries++;
      }
      from = (rows.at(-1) as AuditRow).seq;
      await nextTurn();
    }
    return null;
  }

  private async batch(after: number, lastSeq: number): Promise<AuditRow[]> {
    const rows = await this.dataSource.query<RawAuditRow[]>(
      `SELECT ${AUDIT_COLUMNS} FROM audit_entries WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT ${BATCH}`,
      [after, lastSeq],
    );
    return rows.map(auditRow);
  }

  private async loadKeysOf(rows: readonly AuditRow[]): Promise<void> {
    if (rows.some(({ keyId }) => this.keys.byId(keyId, 'audit') === null)) await this.keys.reload();
  }

  private faultOf(row: AuditRow, before: { seq: number; mac: Buffer }): Fault | null {
    const { seq } = row;
    if (seq > before.seq + 1) return { seq: before.seq + 1, reason: 'The entry is missing.' };
    if (seq !== before.seq + 1) return { seq, reason: 'The entry does not belong here.' };
    const key = this.keys.byId(row.keyId, 'audit');
    if (!key) return { seq, reason: 'The entry names a key that does not exist.' };
    if (!sameMac(row.mac, entryMac(key.key, row, before.mac))) return { seq, reason: 'The entry was changed.' };
    if (row.action === TAMPERING)
      return { seq, reason: 'The log had been tampered with before this entry was written; its detail says how.' };
    return null;
  }

  /** The rows fit one another: is the last one the last that was written? */
  private faultAtEnd(
    walk: { seq: number; mac: Buffer },
    { head, genuine }: Snapshot,
    seen: AuditHead | null,
  ): Fault | null {
    const next = walk.seq + 1;
    if (!head) return { seq: next, reason: 'The head of the chain is missing: entries from here on may be, too.' };
    if (!genuine)
      return { seq: next, reason: 'The head of the chain was changed: entries from here on may be missing.' };
    if (head.seq > walk.seq) return { seq: next, reason: 'The entry is missing.' };
    if (head.seq < walk.seq) return { seq: head.seq + 1, reason: 'The entry was not written by EINFRA.' };
    if (!sameMac(head.mac, walk.mac))
      return { seq: walk.seq, reason: 'The entry is not the one that the head of the chain names.' };
    if (seen && seen.seq > head.seq)
      return { seq: next, reason: 'The entry is missing: an earlier state of the log was put back.' };
    if (seen?.seq === head.seq && !sameMac(seen.mac, head.mac))
      return { seq: head.seq, reason: 'The entry was replaced.' };
    return null;
  }
}
