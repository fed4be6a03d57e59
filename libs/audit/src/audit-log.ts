import { randomUUID } from 'node:crypto';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import {
  type AuditDetails,
  type AuditEvent,
  AuditTrail,
  currentContext,
  Instance,
  redactText,
  type RequestContext,
  requireContext,
} from '#core';
import { AuditChain } from './audit-chain.js';
import type { AuditPayload, NewAuditRow, StoredOutcome } from './audit-row.js';
import { changedFields, clipped } from './changes.js';
import { RepeatedRefusals } from './repeated-refusals.js';

const NAME_LENGTH = 256;
const DETAIL_LENGTH = 1_024;
const SHUTDOWN_MS = 5_000;

/** An action that was begun; its outcome belongs to it. */
export interface BegunAction {
  action: string;
  actionId: string;
  seq: number;
  at: Date;
}

/** How an action ended. */
export interface ActionEnd {
  outcome: StoredOutcome;
  status: number;
  durationMs: number;
  detail?: string;
}

/** The audit log: composes entries from what is known of the request, and appends them to the chain. */
@Injectable()
export class AuditLog extends AuditTrail implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Audit');
  private readonly refusals = new RepeatedRefusals((event, request, count) => this.write(event, request, { count }));
  private readonly recordedActions = new WeakMap<RequestContext, Set<string>>();

  constructor(
    private readonly chain: AuditChain,
    private readonly instance: Instance,
  ) {
    super();
  }

  override describe(details: AuditDetails): void {
    const { audit } = requireContext();
    if (details.resource) audit.resource = { ...audit.resource, ...details.resource };
    if (details.before !== undefined) audit.before = details.before;
    if (details.after !== undefined) audit.after = details.after;
  }

  override async record(event: AuditEvent): Promise<void> {
    const request = currentContext();
    if (request) this.recordedActions.set(request, (this.recordedActions.get(request) ?? new Set()).add(event.action));
    await this.write(event, request);
  }

  override async refused(event: Omit<AuditEvent, 'outcome'>): Promise<void> {
    await this.refusals.add({ ...event, outcome: 'refused' }, currentContext());
  }

  /** Whether somebody has recorded this action of the request already. */
  hasRecorded(action: string, request: RequestContext): boolean {
    return this.recordedActions.get(request)?.has(action) ?? false;
  }

  /** Writes that the request is about to do something. Throws AuditUnavailable: it must not be done then. */
  async begin(action: string, request: RequestContext): Promise<BegunAction> {
    const actionId = randomUUID();
    const row = compose(
      { action, phase: 'intent', actionId, outcome: null, instanceId: this.instance.id },
      request,
      {},
    );
    return { action, actionId, ...(await this.chain.append(row)) };
  }

  /** Writes how it ended, with what services have said of it since. */
  async finish({ action, actionId, seq, at }: BegunAction, request: RequestContext, end: ActionEnd): Promise<void> {
    const { outcome, status, durationMs, detail } = end;
    const { before, after } = changedFields(request.audit.before, request.audit.after, request.secrets);
    const payload = { startedAt: at.toISOString(), status, durationMs, detail: detail ?? null, before, after };
    await this.chain.append(
      compose({ action, phase: 'outcome', entrySeq: seq, actionId, outcome, instanceId: null }, request, payload),
    );
  }

  /** Writes a whole entry about the request: for actions that are recorded when they are over. */
  async single(action: string, request: RequestContext, end: ActionEnd): Promise<void> {
    const resource = request.audit.resource;
    // who fails to sign in is no caller; the service says which user it was about
    const tried = !request.caller && resource?.type === 'user';
    const actor = tried ? { id: resource.id, name: resource.name ?? '' } : undefined;
    const { before, after } = changedFields(request.audit.before, request.audit.after, request.secrets);
    const { outcome, status, durationMs, detail } = end;
    await this.write({ action, outcome, status, detail, actor }, request, { durationMs, before, after });
  }

  /** Counted refusals and everything that waits are written, for five seconds at the most. */
  async beforeApplicationShutdown(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, SHUTDOWN_MS, 'late')));
    const written = this.refusals.close().then(() => this.chain.drain());
    if ((await Promise.race([written, late])) === 'late')
      this.logger.error('not all audit entries could be written before shutdown');
    clearTimeout(timer);
  }

  private async write(event: AuditEvent, request: RequestContext | undefined, more: AuditPayload = {}): Promise<void> {
    const { action, outcome, actor, resource, status, detail } = event;
    const changes =
      event.before === undefined && event.after === undefined
        ? {}
        : changedFields(event.before, event.after, request?.secrets ?? []);
    const row = { action, phase: 'event' as const, actionId: randomUUID(), outcome, instanceId: null };
    await this.chain.append(
      compose(row, request, { ...more, ...changes, status, detail: detail ?? null }, { actor, resource }),
    );
  }
}

type RowFacts = Pick<NewAuditRow, 'phase' | 'entrySeq' | 'actionId' | 'action' | 'outcome' | 'instanceId'>;

/** A row from the facts given, and who, where and how from the request. Known secrets are replaced in every text. */
function compose(
  facts: RowFacts,
  request: RequestContext | undefined,
  payload: AuditPayload,
  given: Pick<AuditEvent, 'actor' | 'resource'> = {},
): NewAuditRow {
  const text = (value: string | null | undefined, length = NAME_LENGTH): string | null =>
    value == null ? null : clipped(redactText(value, request?.secrets ?? []), length);
  // who, from where and on what stands as it is: whoever chose a password like their address would blank it out otherwise
  const plain = (value: string | null | undefined): string | null =>
    value == null ? null : clipped(value, NAME_LENGTH);
  const { caller, grant } = request ?? {};
  const actor =
    given.actor ??
    (caller ? { id: caller.userId, name: caller.username } : request ? null : { id: null, name: 'system' });
  const resource = given.resource ?? request?.audit.resource;
  const whole: AuditPayload = {
    via: caller?.tokenId
      ? { type: 'token', id: caller.tokenId }
      : caller?.sessionId
        ? { type: 'session', id: caller.sessionId }
        : null,
    grant: grant
      ? {
          id: grant.grantId,
          role: grant.role,
          scope: { type: grant.scope.type, id: grant.scope.id ?? null, name: grant.scope.name ?? null },
        }
      : null,
    resourceName: text(resource?.name),
    address: plain(request?.address),
    userAgent: text(request?.userAgent),
    requestId: text(request?.requestId),
    ...payload,
    detail: text(payload.detail, DETAIL_LENGTH),
  };
  return {
    ...facts,
    actorId: plain(actor?.id),
    actorName: plain(actor?.name),
    resourceType: plain(resource?.type),
    resourceId: plain(resource?.id),
    payload: JSON.stringify(whole),
  };
}
