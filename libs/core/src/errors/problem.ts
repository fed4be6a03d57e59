import { HttpException, NotFoundException } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { AuditUnavailable, Conflict, DatabaseUnavailable, ProblemError, type InputError } from './errors.js';

/** RFC 9457 problem document as every failing endpoint answers it. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string;
  errors?: InputError[];
  [more: string]: unknown;
}

const TITLES: Record<number, [code: string, title: string]> = {
  400: ['bad_request', 'Bad request'],
  401: ['unauthenticated', 'Not signed in'],
  403: ['forbidden', 'Not allowed'],
  404: ['not_found', 'Not found'],
  405: ['method_not_allowed', 'Method not allowed'],
  406: ['not_acceptable', 'Not acceptable'],
  408: ['request_timeout', 'Request timeout'],
  409: ['conflict', 'Conflict'],
  413: ['payload_too_large', 'Payload too large'],
  414: ['uri_too_long', 'URI too long'],
  415: ['unsupported_media_type', 'Unsupported media type'],
  429: ['rate_limited', 'Too many requests'],
  431: ['headers_too_large', 'Request headers too large'],
  503: ['unavailable', 'Unavailable'],
};

/** What a failure looks like from outside: status, stable code and text that is safe to show. */
export interface Described {
  status: number;
  code: string;
  title: string;
  detail: string;
  retryAfterSeconds?: number;
  errors?: InputError[];
  extra?: Record<string, unknown>;
}

/** Maps any thrown value to what may be shown of it. Unknown failures become a bare 500. */
export function describeError(error: unknown): Described {
  const known = fromDatabase(error) ?? error;
  if (known instanceof ProblemError) {
    const { status, code, title, message, retryAfterSeconds, errors, extra } = known;
    return { status, code, title, detail: message, retryAfterSeconds, errors, extra };
  }
  // the router's own message repeats the address with its query
  if (known instanceof NotFoundException)
    return fromStatus(404, 'There is nothing at this path, or not with this method.');
  if (known instanceof HttpException) return fromStatus(known.getStatus(), known.message);
  const status = (known as { statusCode?: unknown } | null)?.statusCode;
  // Fastify's own errors (body too large, invalid JSON, bad content type) carry a statusCode and a message of its own making.
  if (typeof status === 'number' && status >= 400 && status < 500) return fromStatus(status, (known as Error).message);
  return {
    status: 500,
    code: 'internal_error',
    title: 'Internal error',
    detail: 'Something went wrong. The request id leads to the log.',
  };
}

function fromStatus(status: number, detail: string): Described {
  const [code, title] =
    TITLES[status] ?? (status >= 500 ? ['internal_error', 'Internal error'] : ['bad_request', 'Bad request']);
  return { status, code, title, detail: status >= 500 ? title : detail };
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'ENOENT',
]);

/** PostgreSQL's failures that are not our mistakes: connection lost (503), a unique name taken (409). */
function fromDatabase(error: unknown): ProblemError | null {
  if (!(error instanceof Error)) return null;
  // what could not be recorded because the database is gone: callers are told the cause
  if (error instanceof AuditUnavailable) {
    const cause = fromDatabase(error.cause);
    return cause instanceof DatabaseUnavailable ? cause : null;
  }
  const cause = (error instanceof QueryFailedError ? error.driverError : error) as Error & {
    code?: string;
    constraint?: string;
  };
  const code = cause.code ?? '';
  if (error instanceof QueryFailedError) {
    if (code === '23505') return new Conflict('A resource with this name or key already exists.', { cause: error });
    if (code === '23503')
      return new Conflict('Something else refers to it, or what it refers to is gone.', { cause: error });
    if (code === '57014' || code === '55P03' || code === '40P01' || code === '40001')
      return new DatabaseUnavailable(error);
  }
  if (isConnectionLoss(cause, code, error instanceof QueryFailedError)) return new DatabaseUnavailable(error);
  return null;
}

function isConnectionLoss(cause: Error, code: string, fromQuery: boolean): boolean {
  // TypeORM takes a connection that broke away from the transaction that was using it
  if (/^QueryRunner(Provider)?AlreadyReleasedError$/.test(cause.name)) return true;
  // 08 connection, 57P admin shutdown / starting up, 53 out of resources; pg's own messages carry no code
  if (/^(08|57P|53)/.test(code)) return true;
  if (
    /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client was closed|Client has encountered a connection error/i.test(
      cause.message,
    )
  )
    return true;
  return (
    CONNECTION_CODES.has(code) &&
    (fromQuery || ['connect', 'read', 'write'].includes((cause as NodeJS.ErrnoException).syscall ?? ''))
  );
}
