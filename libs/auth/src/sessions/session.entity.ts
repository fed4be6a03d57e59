import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A sign-in and everything that was refreshed from it. */
@Entity('sessions')
export class Session {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  /** Moved by each refresh. */
  @Column({ type: 'timestamptz', name: 'last_used_at', precision: 3, default: () => 'now()' })
  lastUsedAt!: Date;

  /** The end, however much it is used. */
  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 })
  expiresAt!: Date;

  @Column({ type: 'timestamptz', name: 'revoked_at', precision: 3, nullable: true })
  revokedAt!: Date | null;

  @Column('text')
  address!: string;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;
}
