import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { AuditRow } from './audit-row.js';

/** What stands before the first entry. */
export const GENESIS_MAC = Buffer.alloc(32);

/** State of the chain: its last entry, and where it begins. */
export interface AuditHead {
  seq: number;
  mac: Buffer;
  at: Date;
  /** The last entry that retention removed; 0 while it has removed none. */
  baseSeq: number;
  baseMac: Buffer;
}

/** Signature of one row over all its columns and the signature of the row before. */
export function entryMac(key: KeyObject, row: Omit<AuditRow, 'mac'>, previous: Buffer): Buffer {
  return sign(key, [
    'einfra.audit.entry.1',
    row.seq,
    row.phase,
    row.entrySeq,
    row.actionId,
    timeText(row.at),
    row.actorId,
    row.actorName,
    row.action,
    row.resourceType,
    row.resourceId,
    row.outcome,
    row.instanceId,
    row.payload,
    row.keyId,
    previous.toString('base64'),
  ]);
}

/** Signature of the head, so that a tail can't be cut by setting the head back by hand. */
export function headMac(key: KeyObject, head: AuditHead, keyId: string): Buffer {
  const { seq, mac, at, baseSeq, baseMac } = head;
  return sign(key, [
    'einfra.audit.head.1',
    seq,
    mac.toString('base64'),
    timeText(at),
    baseSeq,
    baseMac.toString('base64'),
    keyId,
  ]);
}

export function sameMac(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function sign(key: KeyObject, fields: readonly (string | number | null)[]): Buffer {
  return createHmac('sha256', key).update(JSON.stringify(fields), 'utf8').digest();
}

/** Milliseconds, as the columns keep them. A time that somebody set to `infinity` is no Date: it signs as what it is. */
function timeText(at: Date): string {
  return at instanceof Date && !Number.isNaN(at.getTime()) ? at.toISOString() : String(at);
}
