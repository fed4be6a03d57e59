/** What an audited action was done to. */
export interface AuditedResource {
  type: string;
  id?: string | null;
  name?: string | null;
}

/** What a service adds to the audit entry of the current request. Later calls complete earlier ones. */
export interface AuditDetails {
  resource?: AuditedResource;
  /** Changed fields before and after; secrets are redacted by key and by known value. */
  before?: object | null;
  after?: object | null;
}

/** One thing that happened, recorded at once in a single entry: a failed sign-in, a refusal. */
export interface AuditEvent {
  action: string;
  outcome: 'succeeded' | 'failed' | 'refused';
  /** Who did it, when it is not the caller of the request: the name that was tried at sign-in. */
  actor?: { id?: string | null; name: string };
  resource?: AuditedResource;
  /** HTTP status answered. */
  status?: number;
  detail?: string;
  /** As in AuditDetails. */
  before?: object | null;
  after?: object | null;
}

/** The audit log as every room uses it. Requests that change something are recorded by the interceptor; this adds to their entry. */
export abstract class AuditTrail {
  /** Adds resource and changes to the entry of the current request. */
  abstract describe(details: AuditDetails): void;

  /** Records an event of its own. Throws AuditUnavailable when it can't be written. */
  abstract record(event: AuditEvent): Promise<void>;

  /** Records a refusal; equal ones of one actor within a minute become one entry with a count. */
  abstract refused(event: Omit<AuditEvent, 'outcome'>): Promise<void>;
}
