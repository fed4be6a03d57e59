import type { KeyStore, StoredKey } from '#core';
import { type AuditHead, headMac, sameMac } from './audit-mac.js';

/** Columns of the head, in the form that `readHead` takes. */
export const HEAD_COLUMNS = 'seq, mac, at, base_seq, base_mac, key_id, head_mac';

/** The head row as the driver answers it. */
export interface RawAuditHead {
  seq: string;
  mac: Buffer;
  at: Date;
  base_seq: string;
  base_mac: Buffer;
  key_id: string;
  head_mac: Buffer;
}

/** A head row whose key this process has not loaded: another process may have made it. Reload the keys and try again. */
export class UnknownAuditKey extends Error {
  constructor(readonly keyId: string) {
    super(`audit key ${keyId} is not known here`);
  }
}

/** A head row, and whether its signature fits. */
export interface ReadHead {
  head: AuditHead;
  genuine: boolean;
}

/** Reads the head; null when there is no row. Throws UnknownAuditKey unless the keys have just been loaded. */
export function readHead(raw: RawAuditHead | undefined, keys: KeyStore, keysAreFresh: boolean): ReadHead | null {
  if (!raw) return null;
  const head: AuditHead = {
    seq: Number(raw.seq),
    mac: Buffer.from(raw.mac),
    at: raw.at,
    baseSeq: Number(raw.base_seq),
    baseMac: Buffer.from(raw.base_mac),
  };
  const key = keys.byId(raw.key_id, 'audit');
  if (!key && !keysAreFresh) throw new UnknownAuditKey(raw.key_id);
  return { head, genuine: key !== null && sameMac(Buffer.from(raw.head_mac), headMac(key.key, head, key.id)) };
}

/** The signed values of HEAD_COLUMNS. */
export function headValues(head: AuditHead, { id, key }: StoredKey): unknown[] {
  return [head.seq, head.mac, head.at.toISOString(), head.baseSeq, head.baseMac, id, headMac(key, head, id)];
}
