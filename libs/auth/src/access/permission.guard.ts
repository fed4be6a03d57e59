import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import {
  AuditTrail,
  type Caller,
  Forbidden,
  isUuid,
  NotFound,
  PasswordChangeRequired,
  type Permission,
  PERMISSIONS,
  ProblemError,
  type RequestContext,
  requireContext,
  ROUTE_ACCESS,
  type RouteAccess,
  SystemDirectory,
  type SystemKind,
  type Target,
  Unauthenticated,
} from '#core';
import { refusalOf } from './refusal.js';
import { environmentMatters, grantFor, holdsAnywhere, sees } from './rights.js';

type PermissionAccess = Extract<RouteAccess, { kind: 'permission' }>;

/** Lets a request pass only when its route says who may call it and the caller is one of them. Refusals are recorded. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly directory: SystemDirectory,
    private readonly audit: AuditTrail,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const access = this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, execution.getHandler());
    if (access?.kind === 'public') return true;
    const context = requireContext();
    if (!context.caller) throw new Unauthenticated();
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    try {
      await this.check(access, context, context.caller, request.params as Record<string, string>);
      return true;
    } catch (error) {
      if (
        error instanceof Forbidden ||
        error instanceof PasswordChangeRequired ||
        (error instanceof NotFound && changes(context))
      ) {
        await this.audit.refused(refusalOf(access, request, error));
      }
      throw error;
    }
  }

  private async check(
    access: RouteAccess | undefined,
    context: RequestContext,
    caller: Caller,
    params: Record<string, string>,
  ): Promise<void> {
    // the catalogue of routes stops the start before this can happen; should it not, nobody gets in
    if (!access || access.kind === 'public') throw new Forbidden('This route is open to nobody.');
    if (caller.mustChangePassword && !(access.kind === 'signed-in' && access.duringPasswordChange))
      throw new PasswordChangeRequired();
    if (access.kind === 'signed-in') return;
    if (access.scope === 'checked') return requireAnywhere(caller, access.permission);
    if (access.scope === 'all') context.grant = requireGrant(caller, access.permission, {});
    else await this.checkSystem(access, context, caller, params[access.scope]);
  }

  private async checkSystem(
    access: PermissionAccess,
    context: RequestContext,
    caller: Caller,
    rawId: string | undefined,
  ): Promise<void> {
    const { permission } = access;
    const kind = PERMISSIONS[permission].kind;
    if (!kind) throw new Error(`${permission} is about no kind of system, so a path parameter can't be its scope`);
    // validation answers 400 for a malformed id, but only to callers who could do it somewhere
    if (!isUuid(rawId)) return requireAnywhere(caller, permission);
    const id = rawId.toLowerCase();
    const grant = grantFor(caller, permission, { kind, id });
    context.grant = grant ?? (await this.lookUp(caller, permission, kind, id));
  }

  /** Only environments need the database: they change. */
  private async lookUp(
    caller: Caller,
    permission: Permission,
    kind: SystemKind,
    id: string,
  ): Promise<RequestContext['grant']> {
    const entry = environmentMatters(caller) ? await this.directory.find(kind, id) : null;
    const target: Target = { kind, id, environment: entry?.environment ?? null };
    const grant = grantFor(caller, permission, target);
    if (grant) return grant;
    if (!sees(caller, permission, target)) throw new NotFound(kind, id);
    // seen, if it is there: who may read everything must not be told 403 of what does not exist
    if (!entry && !(await this.directory.find(kind, id))) throw new NotFound(kind, id);
    throw forbidden(permission);
  }
}

function changes({ method }: RequestContext): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function requireAnywhere(caller: Caller, permission: Permission): void {
  if (!holdsAnywhere(caller, permission)) throw forbidden(permission);
}

function requireGrant(caller: Caller, permission: Permission, target: Target): RequestContext['grant'] {
  const grant = grantFor(caller, permission, target);
  if (!grant) throw forbidden(permission);
  return grant;
}

function forbidden(permission: Permission): ProblemError {
  return new Forbidden(`This needs the permission ${permission}.`, { permission });
}
