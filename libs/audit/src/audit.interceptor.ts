import { type CallHandler, type ExecutionContext, Injectable, Logger, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catchError, concatMap, defaultIfEmpty, type Observable, of } from 'rxjs';
import {
  collectSecrets,
  describeError,
  type RequestContext,
  requireContext,
  ROUTE_ACCESS,
  type RouteAccess,
} from '#core';
import { type ActionEnd, AuditLog, type BegunAction } from './audit-log.js';

/** Records an ending; throws when that must change the answer. */
type Recorder = (end: ActionEnd) => Promise<void>;

/**
 * Records every route that names an action. What can't be recorded beforehand is not done (503). When only the outcome can't be
 * written, the action is done and answered as such; its entry stays without outcome (`unknown`), which the process log explains.
 */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  private readonly logger = new Logger('Audit');

  constructor(
    private readonly reflector: Reflector,
    private readonly log: AuditLog,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const access = this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, context.getHandler());
    if (!access?.action || context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const request = requireContext();
    collectSecrets(http.getRequest<FastifyRequest>().body, request.secrets);
    const record =
      access.kind === 'public'
        ? this.singleEntry(access.action, request)
        : this.outcomeOf(await this.log.begin(access.action, request), request);
    return observed(next, http.getResponse<FastifyReply>(), record);
  }

  /**
   * Without a known identity there is no intent, or anybody could fill the log: sign-ins are recorded when they are over and before
   * they are answered, so that a sign-in that can't be recorded gives no token.
   */
  private singleEntry(action: string, request: RequestContext): Recorder {
    return async (end) => {
      if (this.log.hasRecorded(action, request)) return;
      if (end.outcome === 'succeeded') return this.log.single(action, request, end);
      // attempts that name nobody are counted in the metrics
      if (end.status === 400 || end.status === 429 || !isAboutSomebody(request)) return;
      await this.log
        .single(action, request, end)
        .catch((error: Error) => this.logger.error(`a failed ${action} is lost: ${error.message}`));
    };
  }

  private outcomeOf(begun: BegunAction, request: RequestContext): Recorder {
    return async (end) => {
      try {
        await this.log.finish(begun, request, end);
      } catch (error) {
        const { action, actionId } = begun;
        this.logger.error(
          { actionId, outcome: end.outcome, status: end.status, cause: (error as Error).message },
          `the outcome of ${action} is lost`,
        );
      }
    };
  }
}

function isAboutSomebody({ caller, audit }: RequestContext): boolean {
  return caller !== undefined || audit.resource?.type === 'user';
}

/** Runs the handler and records its first answer or its failure, before either reaches the caller. */
function observed(next: CallHandler, reply: FastifyReply, record: Recorder): Observable<unknown> {
  const started = performance.now();
  const durationMs = (): number => Math.round((performance.now() - started) * 10) / 10;
  return next.handle().pipe(
    defaultIfEmpty(undefined),
    catchError(async (error: unknown) => {
      const { status, detail } = describeError(error);
      await record({ outcome: status === 403 ? 'refused' : 'failed', status, durationMs: durationMs(), detail });
      throw error;
    }),
    concatMap((body: unknown, index) =>
      index > 0
        ? of(body)
        : record({ outcome: 'succeeded', status: reply.statusCode, durationMs: durationMs() }).then(() => body),
    ),
  );
}
