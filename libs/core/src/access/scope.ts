import type { SystemKind } from '../systems/system-kind.js';

/** Where a grant can hold. `namespace` and `project` lie below a cluster and a registry. */
export const SCOPE_TYPES = [
  'all',
  'environment',
  'server',
  'docker-host',
  'cluster',
  'namespace',
  'registry',
  'project',
] as const;

export type ScopeType = (typeof SCOPE_TYPES)[number];

/** A place in what EINFRA manages: `id` of the system, `name` of the environment, namespace or project. */
export interface Scope {
  type: ScopeType;
  id?: string | null;
  name?: string | null;
}

/** What a permission is asked for. Without any member it is EINFRA itself, which only a grant on everything covers. */
export interface Target {
  kind?: SystemKind;
  id?: string;
  /** The environment that the system is in, or will be in; null or absent: none. */
  environment?: string | null;
  /** The namespace of a cluster, or the project of a registry. */
  part?: string;
}

const PART_OF: Partial<Record<ScopeType, SystemKind>> = { namespace: 'cluster', project: 'registry' };

/** Whether a grant on `scope` holds for `target`. */
export function covers(scope: Scope, target: Target): boolean {
  switch (scope.type) {
    case 'all':
      return true;
    case 'environment':
      return target.environment != null && scope.name === target.environment;
    case 'namespace':
    case 'project':
      return (
        target.kind === PART_OF[scope.type] &&
        sameSystem(scope, target) &&
        target.part !== undefined &&
        scope.name === target.part
      );
    default:
      return target.kind === scope.type && sameSystem(scope, target);
  }
}

function sameSystem(scope: Scope, target: Target): boolean {
  return target.id !== undefined && scope.id === target.id;
}
