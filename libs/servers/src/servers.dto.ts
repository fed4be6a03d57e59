import { ApiProperty, getSchemaPath, IntersectionType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsIP,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { PageQuery, SYSTEM_STATUSES, type SystemStatus } from '#core';
import { type ServerSource, SOURCE_TYPES } from './server-source.js';
import { SshDto } from './ssh/ssh.dto.js';

/** A line without control characters and without spaces at its ends; never empty. */
export const LINE = /^(?!\s)[^\p{Cc}]+(?<!\s)$/u;
export const LINE_MESSAGE = 'must be one line without spaces at the ends';
export const LABEL = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
export const LABEL_MESSAGE =
  'must consist of letters, digits, dots, dashes and underscores, with a letter or digit at each end';

/** Of one server. */
export const MAX_TAGS = 32;

/** Repeated keys are a list, a single one is a list of one. */
const toList = ({ value }: { value: unknown }): unknown =>
  value === undefined || Array.isArray(value) ? value : [value];

/** A Prometheus node_exporter that EINFRA reads at regular intervals. */
export class NodeExporterSourceDto {
  @IsIn(['node-exporter'])
  type!: 'node-exporter';

  /**
   * Its address; without a path, /metrics is read.
   * @example "http://10.0.0.12:9100/metrics"
   */
  @IsString()
  @Length(1, 2000)
  url!: string;
}

/** The server sends its own samples to POST /api/servers/:id/metrics. */
export class PushSourceDto {
  @IsIn(['push'])
  type!: 'push';

  /**
   * Seconds between two samples; after three times as long without any, the server is offline. 60 unless given.
   * @example 60
   */
  @IsOptional()
  @IsInt()
  @Min(5)
  @Max(86_400)
  intervalSeconds?: number;
}

/** EINFRA signs in by SSH and reads /proc; needs `ssh`. */
export class SshSourceDto {
  @IsIn(['ssh'])
  type!: 'ssh';
}

/** No metrics: the server is only listed. */
export class NoSourceDto {
  @IsIn(['none'])
  type!: 'none';
}

/** What isn't one of the others: only there to say so. */
class UnknownSourceDto {
  @IsIn(SOURCE_TYPES, { message: `must be one of ${SOURCE_TYPES.join(', ')}` })
  type!: never;
}

/** The source that a body asks for. */
export type SourceDto = NodeExporterSourceDto | SshSourceDto | PushSourceDto | NoSourceDto;

/** The class of each kind of source. */
const SOURCE_CLASSES = new Map<ServerSource['type'], new () => object>([
  ['node-exporter', NodeExporterSourceDto],
  ['ssh', SshSourceDto],
  ['push', PushSourceDto],
  ['none', NoSourceDto],
]);

function sourceClass(source: unknown): new () => object {
  const type = (source as { type?: unknown } | null | undefined)?.type;
  return SOURCE_CLASSES.get(type as ServerSource['type']) ?? UnknownSourceDto;
}

/** What is known of a server besides its name. */
export class ServerFieldsDto {
  /**
   * Name that the machine has itself.
   * @example "web-01.example.com"
   */
  @IsOptional()
  @IsString()
  @MaxLength(253)
  @Matches(LINE, { message: LINE_MESSAGE })
  hostname?: string | null;

  /**
   * IPv4 or IPv6. Need not be unique: machines behind different gateways can share one.
   * @example "10.0.0.12"
   */
  @IsOptional()
  @IsIP(undefined, { message: 'must be an IPv4 or IPv6 address' })
  ipAddress?: string | null;

  /** @example "Web server of the shop" */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;

  /**
   * Free label that rights can be granted on.
   * @example "production"
   */
  @IsOptional()
  @IsString()
  @Length(1, 63)
  @Matches(LABEL, { message: LABEL_MESSAGE })
  environment?: string | null;

  /**
   * Repeated tags count once.
   * @example ["web", "eu"]
   */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? [...new Set<unknown>(value)] : value))
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  @Matches(LINE, { each: true, message: `each tag ${LINE_MESSAGE}` })
  tags?: string[] | null;

  /** @example "Frankfurt, rack 12" */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  location?: string | null;

  /** @example "Hetzner" */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  provider?: string | null;

  /**
   * Replaced by what the source says, like the three sizes below.
   * @example "Debian GNU/Linux 12 (bookworm)"
   */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  os?: string | null;

  /** @example 8 */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_536)
  cpuCores?: number | null;

  /** @example 34359738368 */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  memoryBytes?: number | null;

  /** @example 512110190592 */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  diskBytes?: number | null;

  /** Where metrics come from; none unless given. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type((options) => sourceClass((options?.object as { source?: unknown } | undefined)?.source))
  @ApiProperty({
    required: false,
    nullable: false,
    oneOf: [NodeExporterSourceDto, SshSourceDto, PushSourceDto, NoSourceDto].map((source) => ({
      $ref: getSchemaPath(source),
    })),
    discriminator: {
      propertyName: 'type',
      mapping: {
        'node-exporter': getSchemaPath(NodeExporterSourceDto),
        ssh: getSchemaPath(SshSourceDto),
        push: getSchemaPath(PushSourceDto),
        none: getSchemaPath(NoSourceDto),
      },
    },
  })
  source?: SourceDto | null;

  /** How the server is reached by SSH, beside any source: services, journal, terminal and commands use it. Null clears. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => SshDto)
  ssh?: SshDto | null;
}

/** A server to register. */
export class CreateServerDto extends ServerFieldsDto {
  /**
   * Unique whatever its case.
   * @example "web-01"
   */
  @IsString()
  @Length(1, 100)
  @Matches(LINE, { message: LINE_MESSAGE })
  name!: string;
}

/** What changes of a server; fields left out stay, null clears. */
export class UpdateServerDto extends ServerFieldsDto {
  /** @example "web-02" */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Length(1, 100)
  @Matches(LINE, { message: LINE_MESSAGE })
  name?: string;

  /** True: its status stays `maintenance` whatever is read. False: `unknown` until the next reading. */
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  maintenance?: boolean;
}

/** Which servers. */
export class ServerFilter {
  /**
   * Free text to search for in name, hostname, IP address and description.
   * @example "web"
   */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  q?: string;

  /** In any of these states. */
  @IsOptional()
  @Transform(toList)
  @IsIn(SYSTEM_STATUSES, { each: true })
  status?: SystemStatus[];

  /**
   * In any of these environments.
   * @example ["production"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  environment?: string[];

  /**
   * Operating system containing any of these texts, whatever the case.
   * @example ["debian"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  os?: string[];

  /**
   * With any of these tags.
   * @example ["web"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  tag?: string[];

  /**
   * With all of these tags.
   * @example ["web", "eu"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  tagAll?: string[];
}

/**
 * Servers are sorted by `name`, `createdAt`, `updatedAt`, `status`, `environment`, `hostname` and `lastSeenAt`; `q` looks in name,
 * hostname, IP address and description.
 */
export class ServerListQuery extends IntersectionType(PageQuery, ServerFilter) {}
