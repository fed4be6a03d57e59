import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { catchError, from, mergeMap, type Observable, tap, throwError } from 'rxjs';
import { AuditTrail, currentContext, Forbidden, ROUTE_ACCESS, type RouteAccess } from '#core';
import { refusalOf } from './refusal.js';

/**
 * Holds routes with scope `checked` to their word: one that succeeded without asking `Access` fails.
 * Reads that a service refused are recorded here; whatever names an action has an audit entry of its own.
 */
@Injectable()
export class CheckedScopeInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly audit: AuditTrail,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const access = this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, execution.getHandler());
    if (!access || access.kind === 'public') return next.handle();
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    return next.handle().pipe(
      tap(() => {
        if (access.kind !== 'permission' || access.scope !== 'checked' || currentContext()?.accessAsked) return;
        throw new Error(
          `${execution.getClass().name}.${execution.getHandler().name} declares scope "checked" and never asked Access`,
        );
      }),
      catchError((error: unknown) => {
        const failed = throwError(() => error);
        if (!isRead || access.action || !(error instanceof Forbidden)) return failed;
        return from(this.audit.refused(refusalOf(access, request, error))).pipe(mergeMap(() => failed));
      }),
    );
  }
}
