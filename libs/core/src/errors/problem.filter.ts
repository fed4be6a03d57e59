import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { redactTokens } from '../secrets/redact.js';
import { describeError, type Described, type Problem } from './problem.js';

/** Turns everything that is thrown into a problem document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Problem');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const described = describeError(error);
    if (described.status >= 500) this.report(error, described);
    sendProblem(http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), described);
  }

  private report(error: unknown, described: Described): void {
    if (described.code === 'internal_error') this.logger.error({ err: error }, 'unexpected failure');
    else this.logger.warn({ code: described.code, detail: described.detail, cause: causeOf(error) });
  }
}

function causeOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : undefined;
}

/** Writes a problem document as the answer. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, described: Described): void {
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  const { status, code, title, detail, errors, extra, retryAfterSeconds } = described;
  const problem: Problem = {
    type: `urn:einfra:problem:${code}`,
    title,
    status,
    detail,
    instance: request.url.split('?', 1)[0] ?? '',
    code,
    requestId: request.id,
    ...(errors ? { errors } : {}),
    ...extra,
  };
  if (retryAfterSeconds !== undefined) void reply.header('Retry-After', Math.max(1, Math.ceil(retryAfterSeconds)));
  if (status === 401) void reply.header('WWW-Authenticate', 'Bearer');
  void reply
    .status(status)
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    // the path, and names of fields that are wrong, are repeated
    .send(redactTokens(JSON.stringify(problem)));
}
