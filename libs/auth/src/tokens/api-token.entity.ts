import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { ScopeType } from '#core';

/** A personal API token: part of its owner's rights, for a machine. */
@Entity('api_tokens')
export class ApiToken {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** Unique among the owner's tokens, whatever its case. */
  @Column('text')
  name!: string;

  /** SHA-256 of the whole token. */
  @Column('bytea', { select: false })
  hash!: Buffer;

  /** What it may do at the most; its owner must hold it too, at every use. */
  @Column({ type: 'text', array: true })
  permissions!: string[];

  @Column('text', { name: 'scope_type', default: 'all' })
  scopeType!: ScopeType;

  @Column('uuid', { name: 'scope_id', nullable: true })
  scopeId!: string | null;

  @Column('text', { name: 'scope_name', nullable: true })
  scopeName!: string | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 })
  expiresAt!: Date;

  /** To the minute. */
  @Column({ type: 'timestamptz', name: 'last_used_at', precision: 3, nullable: true })
  lastUsedAt!: Date | null;

  @Column('text', { name: 'last_used_address', nullable: true })
  lastUsedAddress!: string | null;

  @Column({ type: 'timestamptz', name: 'revoked_at', precision: 3, nullable: true })
  revokedAt!: Date | null;
}
