import { PERMISSIONS, type Permission, type SystemKind } from '#core';

/** A permission that roles can hold. */
export class PermissionView {
  /** @example "servers:write" */
  name!: string;
  /** @example "Register, change and remove servers" */
  description!: string;
  /** Kind of system it is about; null: EINFRA itself, and it counts only when granted on everything. */
  kind!: SystemKind | null;
  /** Built-in roles that hold it. */
  roles!: string[];

  static of(name: Permission): PermissionView {
    const { description, kind, roles } = PERMISSIONS[name];
    return Object.assign(new PermissionView(), { name, description, kind: kind ?? null, roles: ['admin', ...roles] });
  }
}
