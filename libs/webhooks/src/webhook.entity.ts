import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import { encryptedColumn } from '#core';

export const WEBHOOK_SECRET = encryptedColumn('webhooks', 'sealed_secret');

/** An address that is told of events. `failingSince` is written by sending, past this class: without a new version. */
@Entity('webhooks')
export class Webhook {
  @PrimaryColumn('uuid')
  id!: string;

  /** Unique, whatever its case. */
  @Column('text')
  name!: string;

  @Column('text')
  url!: string;

  /** Types of events, `server.*` for all below a word. */
  @Column({ type: 'text', array: true })
  events!: string[];

  @Column('text', { name: 'sealed_secret', select: false })
  sealedSecret!: string;

  @Column('boolean', { default: true })
  enabled!: boolean;

  /** Why EINFRA has disabled it; null when it did not. */
  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason!: string | null;

  /** The first failure since the last success. */
  @Column({ type: 'timestamptz', name: 'failing_since', nullable: true, precision: 3 })
  failingSince!: Date | null;

  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}
