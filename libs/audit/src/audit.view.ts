import type { AuditPayload, ShownAuditRow } from './audit-row.js';

/** `pending`: not finished yet; `unknown`: its process died or could not write the outcome. */
export const AUDIT_OUTCOMES = ['succeeded', 'failed', 'refused', 'pending', 'unknown'] as const;

export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** With what a caller proved who they are. */
export class AuditViaView {
  /** @example "session" */
  type!: 'session' | 'token';
  /** Id of the session or API token. */
  id!: string;
}

/** Who acted. */
export class AuditActorView {
  /** Null for names that nobody has, as at a failed sign-in. */
  id!: string | null;
  /**
   * The name at that time.
   * @example "admin"
   */
  name!: string | null;
  via!: AuditViaView | null;
}

/** Where a grant holds. */
export class AuditScopeView {
  /** @example "environment" */
  type!: string;
  id!: string | null;
  /** @example "production" */
  name!: string | null;
}

/** The grant that allowed it. */
export class AuditGrantView {
  id!: string;
  /** @example "operator" */
  role!: string;
  scope!: AuditScopeView;
}

/** What it was done to. */
export class AuditResourceView {
  /** @example "server" */
  type!: string;
  id!: string | null;
  /** @example "web-1" */
  name!: string | null;
}

/** One action, sign-in or refusal. */
export class AuditEntryView {
  /** Id of the action. */
  id!: string;
  /**
   * Number in the chain, gap-free over all rows; an action takes two.
   * @example 1024
   */
  seq!: number;
  /** When it began. */
  at!: Date;
  actor!: AuditActorView | null;
  grant!: AuditGrantView | null;
  /** @example "server.create" */
  action!: string;
  resource!: AuditResourceView | null;
  outcome!: AuditOutcome;
  /**
   * HTTP status of the answer.
   * @example 201
   */
  status!: number | null;
  durationMs!: number | null;
  /** @example "192.0.2.7" */
  address!: string | null;
  userAgent!: string | null;
  requestId!: string | null;
  /** How many equal refusals this entry stands for. */
  count!: number;
  /** Changed fields as they were, without secrets; null when there was nothing. */
  before!: Record<string, unknown> | null;
  /** Changed fields as they became, without secrets; null when nothing was left. */
  after!: Record<string, unknown> | null;
  /** Why it failed or was refused. */
  detail!: string | null;

  /** `alive`: whether the process of an intent can still be working on it. */
  static of(row: ShownAuditRow & { alive?: boolean }): AuditEntryView {
    const payload = payloadOf(row.payload);
    const { actor_id: id, actor_name: name, resource_type: type } = row;
    return {
      id: row.action_id,
      seq: Number(row.entry_seq),
      at: payload.startedAt ? new Date(payload.startedAt) : row.at,
      actor: id === null && name === null ? null : { id, name, via: payload.via ?? null },
      grant: payload.grant ?? null,
      action: row.action,
      resource: type === null ? null : { type, id: row.resource_id, name: payload.resourceName ?? null },
      outcome: row.phase === 'intent' ? (row.alive ? 'pending' : 'unknown') : (row.outcome ?? 'unknown'),
      status: payload.status ?? null,
      durationMs: payload.durationMs ?? null,
      address: payload.address ?? null,
      userAgent: payload.userAgent ?? null,
      requestId: payload.requestId ?? null,
      count: payload.count ?? 1,
      before: (payload.before ?? null) as AuditEntryView['before'],
      after: (payload.after ?? null) as AuditEntryView['after'],
      detail: payload.detail ?? null,
    };
  }
}

/** An entry that somebody has changed by hand must not break the list; `verify` names it. */
function payloadOf(text: string): AuditPayload {
  try {
    return (JSON.parse(text) as AuditPayload | null) ?? {};
  } catch {
    return { detail: 'The entry was changed and can’t be read.' };
  }
}

/** Where the chain is broken. */
export class AuditFaultView {
  /** The first entry that is missing or not as it was written. */
  seq!: number;
  /** @example "The entry was changed." */
  reason!: string;
}

/** Result of a verification. */
export class AuditVerificationView {
  valid!: boolean;
  /** Rows of the chain that were found in order. */
  entries!: number;
  firstInvalid!: AuditFaultView | null;
}
