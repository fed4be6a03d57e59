import type { EntityManager } from 'typeorm';
import type { Rights } from '../access/escalation.js';
import { permissionsOf } from '../roles/role.entity.js';
import { Grant, scopeOf } from './grant.entity.js';

/** What membership in a team gives. */
export async function rightsOfTeam(manager: EntityManager, teamId: string): Promise<Rights[]> {
  const grants = await manager.find(Grant, { where: { teamId }, relations: { role: true } });
  return grants.map(rightsOfGrant);
}

/** What one grant gives. It must have been read with its role. */
export function rightsOfGrant(grant: Grant): Rights {
  return { permissions: grant.role ? permissionsOf(grant.role) : [], scope: scopeOf(grant) };
}
