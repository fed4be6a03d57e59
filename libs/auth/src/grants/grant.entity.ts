import { Column, CreateDateColumn, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { Scope, ScopeType } from '#core';
import { Role } from '../roles/role.entity.js';
import { Team } from '../teams/team.entity.js';
import { User } from '../users/user.entity.js';

/** A role that a user or a team holds somewhere. Exactly one of `userId` and `teamId` is set. */
@Entity('grants')
export class Grant {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('uuid', { name: 'team_id', nullable: true })
  teamId!: string | null;

  @Column('uuid', { name: 'role_id' })
  roleId!: string;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'user_id' })
  user?: User | null;

  @ManyToOne(() => Team)
  @JoinColumn({ name: 'team_id' })
  team?: Team | null;

  @ManyToOne(() => Role)
  @JoinColumn({ name: 'role_id' })
  role?: Role;

  @Column('text', { name: 'scope_type' })
  scopeType!: ScopeType;

  /** Id of the system; null for everything and environments. */
  @Column('uuid', { name: 'scope_id', nullable: true })
  scopeId!: string | null;

  /** Name of the environment, namespace or project. */
  @Column('text', { name: 'scope_name', nullable: true })
  scopeName!: string | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  /** Who granted it; null for what EINFRA made itself. */
  @Column('uuid', { name: 'created_by', nullable: true })
  createdBy!: string | null;
}

/** Where the grant holds. */
export function scopeOf({ scopeType, scopeId, scopeName }: Pick<Grant, 'scopeType' | 'scopeId' | 'scopeName'>): Scope {
  return { type: scopeType, id: scopeId, name: scopeName };
}
