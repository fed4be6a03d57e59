import type { EntityManager } from 'typeorm';
import { type EffectiveGrant, isPermission, type Permission, permissionsOfBuiltIn, type ScopeType } from '#core';

/** A grant as `grantsOf` selects it. */
export interface GrantRow {
  id: string;
  role: string;
  built_in: boolean;
  permissions: string[];
  scope_type: ScopeType;
  scope_id: string | null;
  scope_name: string | null;
}

/** SQL expression: all grants of a user, their own and their teams', as JSON. `userId` is an SQL expression of ours. */
export function grantsOf(userId: string): string {
  return `(SELECT coalesce(json_agg(held ORDER BY held.created_at, held.id), '[]') FROM (
    SELECT g.id, g.created_at, r.name AS role, r.built_in, r.permissions, g.scope_type, g.scope_id, g.scope_name
      FROM (
        SELECT * FROM grants WHERE user_id = ${userId}
        UNION ALL
        SELECT tg.* FROM team_members m JOIN grants tg ON tg.team_id = m.team_id WHERE m.user_id = ${userId}
      ) g JOIN roles r ON r.id = g.role_id
  ) held)`;
}

/** The grants that these users hold now, directly or through teams. Every user that exists has an entry. */
export async function loadGrants(
  manager: EntityManager,
  userIds: readonly string[],
): Promise<Map<string, EffectiveGrant[]>> {
  const rows: { id: string; grants: GrantRow[] }[] = await manager.query(
    `SELECT u.id, ${grantsOf('u.id')} AS grants FROM users u WHERE u.id = ANY($1::uuid[])`,
    [userIds],
  );
  return new Map(rows.map(({ id, grants }) => [id, grants.map(effectiveGrant)]));
}

/** What a stored grant gives. */
export function effectiveGrant(row: GrantRow): EffectiveGrant {
  return {
    grantId: row.id,
    role: row.role,
    permissions: row.built_in ? builtIn(row.role) : new Set(row.permissions.filter(isPermission)),
    scope: { type: row.scope_type, id: row.scope_id, name: row.scope_name },
  };
}

const builtInSets = new Map<string, ReadonlySet<Permission>>();

function builtIn(role: string): ReadonlySet<Permission> {
  let permissions = builtInSets.get(role);
  if (!permissions) {
    permissions = new Set(permissionsOfBuiltIn(role as Parameters<typeof permissionsOfBuiltIn>[0]));
    builtInSets.set(role, permissions);
  }
  return permissions;
}
