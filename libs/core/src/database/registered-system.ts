import { Column, CreateDateColumn, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { SystemStatus } from '../systems/system-status.js';

/** Columns that every registered system has. What a poller writes never moves `version`. */
export abstract class RegisteredSystem {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  @Column('text', { default: '' })
  description!: string;

  @Column('text', { nullable: true })
  environment!: string | null;

  @Column({ type: 'text', array: true, default: [] })
  tags!: string[];

  @Column('text', { default: 'unknown' })
  status!: SystemStatus;

  @Column('text', { name: 'status_reason', nullable: true })
  statusReason!: string | null;

  @Column({ type: 'timestamptz', name: 'last_seen_at', nullable: true, precision: 3 })
  lastSeenAt!: Date | null;

  /** Moved by people's changes only; the ETag. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}
