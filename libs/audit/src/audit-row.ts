import type { AuditEvent } from '#core';

/** `intent` is written before an action and `outcome` after it; an `event` is a whole entry in one row. */
export type AuditPhase = 'intent' | 'outcome' | 'event';

/** What outcome rows and events can say; `pending` and `unknown` are intents without an outcome. */
export type StoredOutcome = AuditEvent['outcome'];

/** A row to append. The chain adds sequence number, time and signature. */
export interface NewAuditRow {
  phase: AuditPhase;
  /** Of the intent, for an outcome; absent otherwise. */
  entrySeq?: number;
  actionId: string;
  actorId: string | null;
  actorName: string | null;
  action: string;
  resourceType: string | null;
  resourceId: string | null;
  outcome: StoredOutcome | null;
  /** The process that works on it, for an intent. */
  instanceId: string | null;
  /** JSON of an AuditPayload; signed and stored as this very text. */
  payload: string;
}

/** A row as it is in the table. */
export interface AuditRow extends NewAuditRow {
  seq: number;
  entrySeq: number;
  at: Date;
  keyId: string;
  mac: Buffer;
}

/** What is stored of an entry beyond the columns that filters need. */
export interface AuditPayload {
  /** When the intent was written, for an outcome. */
  startedAt?: string;
  via?: { type: 'session' | 'token'; id: string } | null;
  grant?: { id: string; role: string; scope: { type: string; id: string | null; name: string | null } } | null;
  resourceName?: string | null;
  status?: number;
  durationMs?: number;
  address?: string | null;
  userAgent?: string | null;
  requestId?: string | null;
  /** How many equal refusals this entry stands for. */
  count?: number;
  before?: unknown;
  after?: unknown;
  detail?: string | null;
}

/** Columns of a whole row, in the form that `auditRow` reads. */
export const AUDIT_COLUMNS =
  'seq, phase, entry_seq, action_id, at, actor_id, actor_name, action, resource_type, resource_id, outcome, instance_id, payload, key_id, mac';

/** Columns that show what happened, without those that prove it. */
export const SHOWN_COLUMNS =
  'phase, entry_seq, action_id, at, actor_id, actor_name, action, resource_type, resource_id, outcome, payload';

/** What the driver answers of `SHOWN_COLUMNS`. */
export type ShownAuditRow = Omit<RawAuditRow, 'seq' | 'instance_id' | 'key_id' | 'mac'>;

/** A row as the driver answers it. */
export interface RawAuditRow {
  seq: string;
  phase: AuditPhase;
  entry_seq: string;
  action_id: string;
  at: Date;
  actor_id: string | null;
  actor_name: string | null;
  action: string;
  resource_type: string | null;
  resource_id: string | null;
  outcome: StoredOutcome | null;
  instance_id: string | null;
  payload: string;
  key_id: string;
  mac: Buffer;
}

export function auditRow(raw: RawAuditRow): AuditRow {
  return {
    seq: Number(raw.seq),
    phase: raw.phase,
    entrySeq: Number(raw.entry_seq),
    actionId: raw.action_id,
    at: raw.at,
    actorId: raw.actor_id,
    actorName: raw.actor_name,
    action: raw.action,
    resourceType: raw.resource_type,
    resourceId: raw.resource_id,
    outcome: raw.outcome,
    instanceId: raw.instance_id,
    payload: raw.payload,
    keyId: raw.key_id,
    mac: Buffer.from(raw.mac),
  };
}
