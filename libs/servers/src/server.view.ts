import { ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { SYSTEM_STATUSES, type SystemStatus } from '#core';
import type { Server } from './server.entity.js';
import type { ServerSource } from './server-source.js';
import { SshView } from './ssh/ssh.view.js';
import { NodeExporterSourceDto, NoSourceDto, PushSourceDto, SshSourceDto } from './servers.dto.js';

/** A server as the API shows it. */
export class ServerView {
  id!: string;
  /** @example "web-01" */
  name!: string;
  description!: string;
  /** @example "production" */
  environment!: string | null;
  /** @example ["web", "eu"] */
  tags!: string[];
  @ApiProperty({ enum: SYSTEM_STATUSES })
  status!: SystemStatus;
  /** What is wrong, in a sentence; null while nothing is. */
  statusReason!: string | null;
  /** When the last reading succeeded. */
  lastSeenAt!: string | null;
  /** @example "web-01.example.com" */
  hostname!: string | null;
  /** @example "10.0.0.12" */
  ipAddress!: string | null;
  location!: string | null;
  provider!: string | null;
  /** @example "Debian GNU/Linux 12 (bookworm)" */
  os!: string | null;
  /** Discovered only. */
  kernel!: string | null;
  /**
   * Discovered only.
   * @example "x86_64"
   */
  architecture!: string | null;
  /** @example 8 */
  cpuCores!: number | null;
  /** @example 34359738368 */
  memoryBytes!: number | null;
  /** @example 512110190592 */
  diskBytes!: number | null;
  @ApiProperty({
    oneOf: [NodeExporterSourceDto, SshSourceDto, PushSourceDto, NoSourceDto].map((source) => ({
      $ref: getSchemaPath(source),
    })),
  })
  source!: ServerSource;
  /** How it is reached by SSH; null when it is not. Never a credential. */
  ssh!: SshView | null;
  /** Counts people's changes; the ETag. */
  version!: number;
  createdAt!: string;
  updatedAt!: string;

  static of(server: Server): ServerView {
    const view = new ServerView();
    view.id = server.id;
    view.name = server.name;
    view.description = server.description;
    view.environment = server.environment;
    view.tags = server.tags;
    view.status = server.status;
    view.statusReason = server.statusReason;
    view.lastSeenAt = server.lastSeenAt?.toISOString() ?? null;
    view.hostname = server.hostname;
    view.ipAddress = server.ipAddress;
    view.location = server.location;
    view.provider = server.provider;
    view.os = server.os;
    view.kernel = server.kernel;
    view.architecture = server.architecture;
    view.cpuCores = server.cpuCores;
    view.memoryBytes = server.memoryBytes;
    view.diskBytes = server.diskBytes;
    view.source = server.source;
    view.ssh = server.ssh ?? null;
    view.version = server.version;
    view.createdAt = server.createdAt.toISOString();
    view.updatedAt = server.updatedAt.toISOString();
    return view;
  }
}
