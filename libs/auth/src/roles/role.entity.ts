import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import { isPermission, type Permission, permissionsOfBuiltIn } from '#core';

/** Ids of built-in roles are the same in every installation. */
export const ADMIN_ROLE_ID = '00000000-0000-4000-8000-000000000001';

/** A named set of permissions. */
@Entity('roles')
export class Role {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  @Column('text', { default: '' })
  description!: string;

  @Column('boolean', { name: 'built_in', default: false })
  builtIn!: boolean;

  /** Empty for built-in roles: theirs come from the catalogue. Ask `permissionsOf`. */
  @Column({ type: 'text', array: true, name: 'permissions', default: [] })
  storedPermissions!: string[];

  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}

/** What a role holds now. Stored names that the catalogue no longer knows count for nothing. */
export function permissionsOf(role: Pick<Role, 'name' | 'builtIn' | 'storedPermissions'>): Permission[] {
  if (role.builtIn) return permissionsOfBuiltIn(role.name as Parameters<typeof permissionsOfBuiltIn>[0]);
  return role.storedPermissions.filter(isPermission);
}
