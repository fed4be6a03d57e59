import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A refresh token of a session. Used ones stay until the session goes: one that comes back gives a theft away. */
@Entity('refresh_tokens')
export class RefreshToken {
  /** SHA-256 of the token. */
  @PrimaryColumn('bytea')
  hash!: Buffer;

  @Column('uuid', { name: 'session_id' })
  sessionId!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'issued_at', precision: 3 })
  issuedAt!: Date;

  /** When it was exchanged, or put out of use because a sibling was. */
  @Column({ type: 'timestamptz', name: 'used_at', precision: 3, nullable: true })
  usedAt!: Date | null;

  /** The token that it was issued for; null for the first. */
  @Column('bytea', { name: 'parent_hash', nullable: true })
  parentHash!: Buffer | null;
}
