import { Injectable } from '@nestjs/common';
import { Access, type Reach } from '../access/access.js';
import type { Caller } from '../access/caller.js';
import { LiveCallers } from '../access/live-callers.js';
import { ALL_PERMISSIONS } from '../access/permissions.js';
import { covers, type Target } from '../access/scope.js';
import { SystemDirectory } from '../systems/system-directory.js';
import { type OperationRow, targetOf } from './operation-row.js';

/** A condition on the table `operations` with its parameters. */
export interface Condition {
  sql: string;
  parameters: unknown[];
}

/**
 * Who may see and touch an operation: the one who started it, and who holds its permission on its target as that is now.
 * `operations:read` sees them all. An API token sees of its owner's own what it could have started.
 */
@Injectable()
export class OperationAccess {
  constructor(
    private readonly access: Access,
    private readonly callers: LiveCallers,
    private readonly directory: SystemDirectory,
  ) {}

  async maySee(caller: Caller, row: OperationRow): Promise<boolean> {
    if (this.callers.grantFor(caller, 'operations:read', {})) return true;
    return this.mayChange(caller, row);
  }

  async mayChange(caller: Caller, row: OperationRow): Promise<boolean> {
    const target = await this.targetNow(row);
    return isOwn(caller, row, target) || this.callers.grantFor(caller, row.permission, target) !== null;
  }

  /** The target with the environment that its system is in now; a system that is gone is in none. */
  async targetNow(row: OperationRow): Promise<Target> {
    const target = targetOf(row);
    if (!target.kind || !target.id) return target;
    const system = await this.directory.find(target.kind, target.id);
    return { ...target, environment: system?.environment ?? null };
  }

  /** Finds at least the rows that the caller may see, as far as environments are as they were; each is to be asked about. */
  visible(caller: Caller): Condition {
    if (this.callers.grantFor(caller, 'operations:read', {})) return { sql: 'true', parameters: [] };
    const parameters: unknown[] = [caller.userId];
    const parts = ['started_by_id = $1'];
    for (const permission of ALL_PERMISSIONS) {
      const reach = this.access.reach(permission);
      if (reachesNothing(reach)) continue;
      parameters.push(permission);
      const held = `permission = $${parameters.length}`;
      if (reach.all) parts.push(held);
      else {
        parameters.push(
          [...reach.environments, ...(reach.inEnvironment ?? []).map(({ environment }) => environment)],
          [...reach.ids, ...reach.partIds, ...(reach.inEnvironment ?? []).map(({ id }) => id)],
        );
        const [environments, ids] = [parameters.length - 1, parameters.length];
        parts.push(`(${held} AND (target_environment = ANY($${environments}) OR target_id = ANY($${ids}::uuid[])))`);
      }
    }
    return { sql: `(${parts.join(' OR ')})`, parameters };
  }
}

function isOwn({ userId, limit }: Caller, row: OperationRow, target: Target): boolean {
  if (row.started_by_id !== userId) return false;
  return !limit || (limit.permissions.has(row.permission) && covers(limit.scope, target));
}

function reachesNothing({ all, environments, ids, partIds, inEnvironment = [] }: Reach): boolean {
  return !all && environments.length + ids.length + partIds.length + inEnvironment.length === 0;
}
