import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditDetails } from '../audit/audit-trail.js';
import type { Caller, EffectiveGrant } from '../access/caller.js';
import { Unauthenticated } from '../errors/errors.js';

/** What is known of the request that is being answered. One object for its whole life. */
export interface RequestContext {
  readonly requestId: string;
  /** Address of the caller, behind the trusted proxies. */
  readonly address: string;
  readonly userAgent: string | null;
  readonly method: string;
  /** Trace and span that the caller named in `traceparent`. */
  readonly parentSpan?: { traceId: string; spanId: string };
  /** Set by authentication. */
  caller?: Caller;
  /** The grant that the guard found; recorded in the audit log. */
  grant?: EffectiveGrant;
  /** What services said with `AuditTrail.describe`. */
  audit: AuditDetails;
  /** Secret values seen in the request or made for it; replaced wherever they show up in audit or log. */
  readonly secrets: Set<string>;
  /** True once a service asked `Access`; routes with scope `checked` must. */
  accessAsked: boolean;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work` as part of a request. */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** The context of the current request; undefined outside one (pollers, start). */
export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** The context of the current request; throws outside one. */
export function requireContext(): RequestContext {
  const context = storage.getStore();
  if (!context) throw new Error('no request is being answered here');
  return context;
}

/** The signed-in caller. Throws Unauthenticated when nobody is. */
export function requireCaller(): Caller {
  const caller = currentContext()?.caller;
  if (!caller) throw new Unauthenticated();
  return caller;
}
