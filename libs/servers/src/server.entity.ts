import { Column, Entity } from 'typeorm';
import { RegisteredSystem } from '#core';
import type { ServerSource } from './server-source.js';
import type { PublicSsh } from './ssh/ssh-settings.js';

/** pg hands bigint over as text; sizes of memory and disks fit into a number. */
const bytes = {
  to: (value: number | null | undefined) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};

/** A registered server. `status…`, `lastSeenAt` and the facts are also written by the poller, past this class: without a new version. */
@Entity('servers')
export class Server extends RegisteredSystem {
  @Column('text', { nullable: true })
  hostname!: string | null;

  @Column('text', { name: 'ip_address', nullable: true })
  ipAddress!: string | null;

  @Column('text', { nullable: true })
  location!: string | null;

  @Column('text', { nullable: true })
  provider!: string | null;

  @Column('text', { nullable: true })
  os!: string | null;

  @Column('text', { nullable: true })
  kernel!: string | null;

  @Column('text', { nullable: true })
  architecture!: string | null;

  @Column('integer', { name: 'cpu_cores', nullable: true })
  cpuCores!: number | null;

  @Column('bigint', { name: 'memory_bytes', nullable: true, transformer: bytes })
  memoryBytes!: number | null;

  @Column('bigint', { name: 'disk_bytes', nullable: true, transformer: bytes })
  diskBytes!: number | null;

  @Column('jsonb')
  source!: ServerSource;

  @Column('jsonb', { nullable: true })
  ssh!: PublicSsh | null;

  /** Only read where somebody signs in; undefined in what lists load. */
  @Column('text', { name: 'sealed_ssh', nullable: true, select: false })
  sealedSsh!: string | null;
}
