import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiSecurity } from '@nestjs/swagger';
import type { Permission } from './permissions.js';

/**
 * Where the permission must hold: `all` (a grant on everything), the name of the path parameter with the id of the system,
 * or `checked`: the service asks `Access` itself, and the request fails when it did not.
 */
export type RouteScope = 'all' | 'checked' | (string & {});

/** How a route is guarded. A route without a declaration stops the start. */
export type RouteAccess =
  | { kind: 'public'; action?: string }
  | { kind: 'signed-in'; action?: string; duringPasswordChange?: boolean }
  | { kind: 'permission'; permission: Permission; scope: RouteScope; action?: string; telemetry?: boolean };

export const ROUTE_ACCESS = 'einfra:access';

/** Name of the audited action, like `server.create`. Required on everything but GET and HEAD. */
interface Audited {
  action?: string;
}

/**
 * Only callers who hold `permission` in the route's scope may call it. `scope` is `all` unless given. `telemetry`: machines report
 * what they measure, many times a minute: it would bury what people do, so it is no audited action; refusals are recorded.
 */
export function Allow(
  permission: Permission,
  options: Audited & { scope?: RouteScope; telemetry?: boolean } = {},
): MethodDecorator {
  const access: RouteAccess = { kind: 'permission', permission, ...options, scope: options.scope ?? 'all' };
  return applyDecorators(SetMetadata(ROUTE_ACCESS, access), ApiBearerAuth(), ApiExtension('x-permission', permission));
}

/** Any signed-in caller may call it: it is about their own account, or filters by what they may see. */
export function SignedIn(options: Audited & { duringPasswordChange?: boolean } = {}): MethodDecorator {
  const access: RouteAccess = { kind: 'signed-in', ...options };
  return applyDecorators(SetMetadata(ROUTE_ACCESS, access), ApiBearerAuth());
}

/** Anybody may call it, without signing in. */
export function Public(options: Audited = {}): MethodDecorator {
  const access: RouteAccess = { kind: 'public', ...options };
  // an empty requirement says in OpenAPI that the operation needs no sign-in
  return applyDecorators(SetMetadata(ROUTE_ACCESS, access), ApiSecurity({}));
}
