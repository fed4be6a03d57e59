import {
  type Caller,
  covers,
  type EffectiveGrant,
  type Permission,
  PERMISSIONS,
  type Reach,
  type Scope,
  type SystemKind,
  type Target,
} from '#core';

// What a caller's grants mean, and what an API token leaves of them. Nothing here asks the database.

/** Grants that hold the permission, where it counts: a permission without a kind of system counts on everything only. */
function holding(caller: Caller, permission: Permission): readonly EffectiveGrant[] {
  if (caller.limit && !caller.limit.permissions.has(permission)) return [];
  const anywhere = PERMISSIONS[permission].kind !== undefined;
  if (!anywhere && caller.limit && caller.limit.scope.type !== 'all') return [];
  return caller.grants.filter((grant) => grant.permissions.has(permission) && (anywhere || grant.scope.type === 'all'));
}

/** Whether the permission is held at all, wherever that is. */
export function holdsAnywhere(caller: Caller, permission: Permission): boolean {
  return holding(caller, permission).length > 0;
}

/** The grant that allows `permission` on `target`, or null. The target's environment must be known for grants on it to count. */
export function grantFor(caller: Caller, permission: Permission, target: Target): EffectiveGrant | null {
  if (caller.limit && !covers(caller.limit.scope, target)) return null;
  return holding(caller, permission).find(({ scope }) => covers(scope, target)) ?? null;
}

/** Whether knowing the target's environment could change the answer of `grantFor`. */
export function environmentMatters(caller: Caller): boolean {
  return [...caller.grants, ...(caller.limit ? [caller.limit] : [])].some(({ scope }) => scope.type === 'environment');
}

/** The right to see what `permission` is about: `servers:read` for `servers:write`. */
export function readPermissionOf(permission: Permission): Permission {
  const read = `${permission.slice(0, permission.indexOf(':'))}:read`;
  return Object.hasOwn(PERMISSIONS, read) ? (read as Permission) : permission;
}

/** Whether the caller may know that the target exists: they may read it, or a part of it. */
export function sees(caller: Caller, permission: Permission, target: Target): boolean {
  const read = readPermissionOf(permission);
  return grantFor(caller, read, target) !== null || (target.part === undefined && seesPartOf(caller, read, target));
}

function seesPartOf(caller: Caller, read: Permission, target: Target): boolean {
  return holding(caller, read).some(({ scope }) => {
    const places = [scope, ...(caller.limit ? [caller.limit.scope] : [])];
    return (
      places.some((place) => partKind(place) !== undefined) &&
      !contradicts(places) &&
      places.every((place) => touches(place, target))
    );
  });
}

/** Whether a scope covers the system, or lies in it. */
function touches(scope: Scope, target: Target): boolean {
  const kind = partKind(scope);
  return kind === undefined
    ? covers(scope, target)
    : target.kind === kind && target.id !== undefined && scope.id === target.id;
}

/** Two parts of one system have nothing in common unless they are the same. */
function contradicts(places: readonly Scope[]): boolean {
  const parts = places.filter((place) => partKind(place) !== undefined);
  return parts.some(({ name }) => name !== parts[0]?.name);
}

/** Kind of the system that a namespace or project belongs to. */
export function partKind(scope: Scope): SystemKind | undefined {
  return scope.type === 'namespace' ? 'cluster' : scope.type === 'project' ? 'registry' : undefined;
}

/** The target that a scope stands for: who holds a right there holds it on the whole scope. */
export function targetOf(scope: Scope, environment: string | null): Target {
  switch (scope.type) {
    case 'all':
      return {};
    case 'environment':
      return { environment: scope.name };
    case 'namespace':
    case 'project':
      return { kind: partKind(scope), id: scope.id ?? undefined, environment, part: scope.name ?? undefined };
    default:
      return { kind: scope.type, id: scope.id ?? undefined, environment };
  }
}

/** Which systems of the permission's kind the caller reaches: each grant, narrowed by the token's limit. */
export function reachOf(caller: Caller, permission: Permission): Reach {
  const kind = PERMISSIONS[permission].kind;
  const reach = { all: false, environments: new Set<string>(), ids: new Set<string>(), partIds: new Set<string>() };
  const inEnvironment: { id: string; environment: string; part: boolean }[] = [];
  for (const { scope } of holding(caller, permission)) {
    const place = intersect([scope, ...(caller.limit ? [caller.limit.scope] : [])], kind);
    if (!place) continue;
    const { environment, id, part } = place;
    if (id !== undefined && environment !== undefined) inEnvironment.push({ id, environment, part });
    else if (id !== undefined) (part ? reach.partIds : reach.ids).add(id);
    else if (environment !== undefined) reach.environments.add(environment);
    else reach.all = true;
  }
  return {
    all: reach.all,
    environments: [...reach.environments],
    ids: [...reach.ids],
    partIds: [...reach.partIds],
    inEnvironment,
  };
}

/** What all of these scopes have in common, among systems of one kind; null when that is nothing. */
function intersect(
  scopes: readonly Scope[],
  kind: SystemKind | undefined,
): { environment?: string; id?: string; part: boolean } | null {
  if (contradicts(scopes)) return null;
  const common: { environment?: string; id?: string; part: boolean } = { part: false };
  for (const scope of scopes) {
    if (scope.type === 'all') continue;
    if (scope.type === 'environment') {
      if (!scope.name || (common.environment ?? scope.name) !== scope.name) return null;
      common.environment = scope.name;
      continue;
    }
    const of = partKind(scope) ?? scope.type;
    if (of !== kind || !scope.id || (common.id ?? scope.id) !== scope.id) return null;
    common.id = scope.id;
    common.part ||= partKind(scope) !== undefined;
  }
  return common;
}

/**
 * Whether the caller holds the permission on the whole of a place, so that they may give it to others there. Unlike
 * `grantFor` this also looks at permissions that count nowhere (`users:write` on one server): who lacks one can't give it.
 */
export function mayPassOn({ grants, limit }: Caller, permission: Permission, target: Target): boolean {
  if (limit && !(limit.permissions.has(permission) && covers(limit.scope, target))) return false;
  return grants.some(({ permissions, scope }) => permissions.has(permission) && covers(scope, target));
}
