import type { SystemKind } from '../systems/system-kind.js';

/** Built-in roles; `admin` holds every permission. */
export type BuiltInRole = 'operator' | 'viewer' | 'auditor';

interface PermissionFacts {
  description: string;
  /** The kind of system it is about; without one it is about EINFRA itself and counts only when granted on everything. */
  kind?: SystemKind;
  /** Built-in roles that hold it, besides `admin`. */
  roles: readonly BuiltInRole[];
}

const catalogue = {
  'servers:read': {
    description: 'See servers, their facts and metrics',
    kind: 'server',
    roles: ['operator', 'viewer'],
  },
  'servers:write': { description: 'Register, change and remove servers', kind: 'server', roles: ['operator'] },
  'servers:push': { description: 'Send metric samples of servers that push them', kind: 'server', roles: ['operator'] },
  'servers:services': {
    description: 'Start, stop and set up services of servers, and read their journal',
    kind: 'server',
    roles: ['operator'],
  },
  'servers:processes': { description: 'See the processes of servers', kind: 'server', roles: ['operator'] },
  'servers:exec': { description: 'Run commands and terminals on servers, and reboot them', kind: 'server', roles: [] },
  'users:read': { description: 'See users', roles: ['auditor'] },
  'users:write': { description: 'Make, change, disable and reset users', roles: [] },
  'teams:read': { description: 'See teams and their members', roles: ['auditor'] },
  'teams:write': { description: 'Make and change teams and their members', roles: [] },
  'roles:read': { description: 'See roles and the permissions they hold', roles: ['auditor'] },
  'roles:write': { description: 'Make and change roles', roles: [] },
  'grants:read': { description: 'See who holds which role where, and why', roles: ['auditor'] },
  'grants:write': { description: 'Grant roles to users and teams', roles: [] },
  'operations:read': { description: 'See what everybody has started', roles: ['auditor'] },
  'schedules:write': { description: 'See schedules and have them run', roles: [] },
  'webhooks:read': { description: 'See webhooks and what was sent to them', roles: [] },
  'webhooks:write': {
    description: 'Make and change webhooks, which are told of events about everything',
    roles: [],
  },
  'audit:read': { description: 'Read, export and verify the audit log', roles: ['auditor'] },
} as const satisfies Record<string, PermissionFacts>;

/** A right that a role can hold, `<domain>:<what>`. */
export type Permission = keyof typeof catalogue;

/** Every permission with what it means, by name. */
export const PERMISSIONS: Readonly<Record<Permission, PermissionFacts>> = catalogue;

export const ALL_PERMISSIONS = Object.keys(catalogue) as Permission[];

/** Whether a text names a permission. */
export function isPermission(text: string): text is Permission {
  return Object.hasOwn(catalogue, text);
}

/** The permissions of a built-in role. */
export function permissionsOfBuiltIn(role: 'admin' | BuiltInRole): Permission[] {
  if (role === 'admin') return ALL_PERMISSIONS;
  return ALL_PERMISSIONS.filter((permission) => PERMISSIONS[permission].roles.includes(role));
}
