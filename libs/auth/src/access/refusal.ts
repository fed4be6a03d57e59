import type { FastifyRequest } from 'fastify';
import {
  type AuditEvent,
  isPermission,
  isUuid,
  type Permission,
  PERMISSIONS,
  type ProblemError,
  type RouteAccess,
} from '#core';

/** How a refusal is recorded: what was tried, on what. */
export function refusalOf(
  access: RouteAccess | undefined,
  request: FastifyRequest,
  problem: ProblemError,
): Omit<AuditEvent, 'outcome'> {
  const permission = access?.kind === 'permission' ? access.permission : permissionNamed(problem);
  const params = (request.params ?? {}) as Record<string, string | undefined>;
  const scope = access?.kind === 'permission' ? access.scope : '';
  const id = [params[scope], params['id']].find(isUuid)?.toLowerCase() ?? null;
  return {
    action: access?.action ?? permission ?? `${request.method} ${request.routeOptions.url ?? ''}`,
    resource: { type: resourceType(access?.action, permission), id },
    status: problem.status,
    detail: problem.message,
  };
}

/** Services that check themselves say which permission was missing. */
function permissionNamed({ extra }: ProblemError): Permission | undefined {
  const named = extra?.['permission'];
  return typeof named === 'string' && isPermission(named) ? named : undefined;
}

function resourceType(action: string | undefined, permission: Permission | undefined): string {
  const kind = permission && PERMISSIONS[permission].kind;
  return kind ?? action?.split('.')[0] ?? permission?.split(':')[0] ?? 'route';
}
