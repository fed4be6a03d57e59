import { type Permission } from '#core';
import { permissionsOf, type Role } from './role.entity.js';

/** A role as the API shows it. */
export class RoleView {
  id!: string;
  /** @example "operator" */
  name!: string;
  description!: string;
  /** Built-in roles can't be changed or removed. */
  builtIn!: boolean;
  /** @example ["servers:read", "servers:write"] */
  permissions!: string[];
  /** Counts changes; the ETag. */
  version!: number;
  createdAt!: string;
  updatedAt!: string;

  static of(role: Role): RoleView {
    const { id, name, description, builtIn, version } = role;
    const permissions: Permission[] = permissionsOf(role);
    return Object.assign(new RoleView(), {
      id,
      name,
      description,
      builtIn,
      permissions,
      version,
      createdAt: role.createdAt.toISOString(),
      updatedAt: role.updatedAt.toISOString(),
    });
  }
}
