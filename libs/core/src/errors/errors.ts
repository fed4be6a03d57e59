/** One mistake in the input: `pointer` is a JSON pointer into the body, or `?name` for a query parameter, `:name` for one of the path. */
export interface InputError {
  pointer: string;
  message: string;
}

interface ProblemOptions {
  cause?: unknown;
  retryAfterSeconds?: number;
  errors?: InputError[];
  /** More members of the problem document, safe to show. */
  extra?: Record<string, unknown>;
}

/** An expected failure that becomes an RFC 9457 problem document. `detail` is shown to the caller: no secrets, no raw upstream text. */
export abstract class ProblemError extends Error {
  readonly retryAfterSeconds?: number;
  readonly errors?: InputError[];
  readonly extra?: Record<string, unknown>;

  protected constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.errors = options.errors;
    this.extra = options.extra;
  }
}

/** 400: the input is wrong; each mistake has a pointer. */
export class ValidationFailed extends ProblemError {
  constructor(errors: InputError[], detail = 'The request is not valid.') {
    super(400, 'validation_failed', 'Invalid input', detail, { errors });
  }

  /** A single mistake. */
  static at(pointer: string, message: string): ValidationFailed {
    return new ValidationFailed([{ pointer, message }]);
  }
}

/** 400: an address was changed, so its credential must be given again (else an editor could send it to a machine of theirs). */
export class CredentialsRequired extends ProblemError {
  constructor(detail: string, pointer: string) {
    super(400, 'credentials_required', 'Credentials required', detail, {
      errors: [{ pointer, message: 'is required' }],
    });
  }
}

/** 401: no identity, or one that is no longer valid. The answer never says which. */
export class Unauthenticated extends ProblemError {
  constructor(detail = 'Sign in first: send a valid access token or API token as Bearer.') {
    super(401, 'unauthenticated', 'Not signed in', detail);
  }
}

/** 403: the caller sees the thing but lacks the right. */
export class Forbidden extends ProblemError {
  constructor(detail: string, extra?: Record<string, unknown>) {
    super(403, 'forbidden', 'Not allowed', detail, { extra });
  }
}

/** 403: nothing else is possible before the initial password was changed. */
export class PasswordChangeRequired extends ProblemError {
  constructor() {
    super(
      403,
      'password_change_required',
      'Password change required',
      'Change the password with POST /api/me/password first.',
    );
  }
}

/** 404: it does not exist, or the caller may not know that it does. */
export class NotFound extends ProblemError {
  constructor(kind: string, id?: string, code = 'not_found') {
    super(404, code, 'Not found', id === undefined ? `There is no such ${kind}.` : `There is no ${kind} ${id}.`);
  }
}

/** 409: the state of things forbids it. */
export class Conflict extends ProblemError {
  constructor(
    detail: string,
    options: { code?: string; errors?: InputError[]; extra?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(409, options.code ?? 'conflict', 'Conflict', detail, options);
  }
}

/** 412: If-Match named a version that is no longer the current one. */
export class PreconditionFailed extends ProblemError {
  constructor(detail = 'The resource has changed since it was read. Read it again and repeat the change.') {
    super(412, 'precondition_failed', 'Precondition failed', detail);
  }
}

/** 429. */
export class RateLimited extends ProblemError {
  constructor(retryAfterSeconds: number, detail = 'Too many requests. Wait and try again.') {
    super(429, 'rate_limited', 'Too many requests', detail, { retryAfterSeconds });
  }
}

/** Which registered system an upstream failure is about. */
export interface SystemRef {
  kind: string;
  id?: string;
  name?: string;
}

/** 502: the remote system answered with a failure, or not in its protocol. */
export class UpstreamError extends ProblemError {
  constructor(system: SystemRef, detail: string, cause?: unknown) {
    super(502, 'upstream_error', 'The remote system failed', detail, { cause, extra: { system } });
  }
}

/** 502: the remote system refused the stored credential. Never passed on as 401 or 403. */
export class UpstreamDenied extends ProblemError {
  constructor(system: SystemRef, detail: string, cause?: unknown) {
    super(502, 'upstream_denied', 'The remote system refused the stored credential', detail, {
      cause,
      extra: { system },
    });
  }
}

/** 504: the remote system did not answer in time. */
export class UpstreamTimeout extends ProblemError {
  constructor(system: SystemRef, detail: string, cause?: unknown) {
    super(504, 'upstream_timeout', 'The remote system did not answer', detail, { cause, extra: { system } });
  }
}

/** 503: the remote system is known to be down. */
export class UpstreamUnavailable extends ProblemError {
  constructor(system: SystemRef, detail: string, retryAfterSeconds: number) {
    super(503, 'upstream_unavailable', 'The remote system is down', detail, { retryAfterSeconds, extra: { system } });
  }
}

/** 503: our own database does not answer. */
export class DatabaseUnavailable extends ProblemError {
  constructor(cause?: unknown) {
    super(503, 'database_unavailable', 'Database unavailable', 'The database does not answer. Try again shortly.', {
      cause,
      retryAfterSeconds: 2,
    });
  }
}

/** 503: an action that cannot be recorded is not done. */
export class AuditUnavailable extends ProblemError {
  constructor(cause?: unknown) {
    super(503, 'audit_unavailable', 'Audit unavailable', 'The action was not done because it could not be recorded.', {
      cause,
      retryAfterSeconds: 2,
    });
  }
}

/** 503: this process is shutting down. */
export class ShuttingDown extends ProblemError {
  constructor() {
    super(503, 'shutting_down', 'Shutting down', 'This process is shutting down. Try again.', { retryAfterSeconds: 1 });
  }
}
