import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** Somebody who can sign in. */
@Entity('users')
export class User {
  @PrimaryColumn('uuid')
  id!: string;

  /** Unique whatever its case; kept as it was typed. */
  @Column('text')
  username!: string;

  @Column('text', { name: 'display_name', default: '' })
  displayName!: string;

  @Column('text', { nullable: true })
  email!: string | null;

  /** argon2id, in PHC format. */
  @Column('text', { name: 'password_hash' })
  passwordHash!: string;

  /** Nothing but a change of the password is possible until it was changed. */
  @Column('boolean', { name: 'must_change_password', default: false })
  mustChangePassword!: boolean;

  @Column('boolean', { default: false })
  disabled!: boolean;

  /** Written at each sign-in without moving `version` or `updatedAt`. */
  @Column({ type: 'timestamptz', name: 'last_sign_in_at', precision: 3, nullable: true })
  lastSignInAt!: Date | null;

  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt!: Date;
}
