import { Transform } from 'class-transformer';
import { IntersectionType } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsISO8601, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { CursorQuery } from '#core';
import { AUDIT_OUTCOMES, type AuditOutcome } from './audit.view.js';

const NAME_LENGTH = 256;
const MESSAGE = 'must be a date, or a time with its zone, like 2026-11-24T12:00:00Z';
const TIME = /^[1-9]\d{3}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

const asList = ({ value }: { value: unknown }): unknown =>
  value === undefined || Array.isArray(value) ? value : [value];

/** Filters of the audit log. */
export class AuditFilter {
  /**
   * Who did it: the id of a user, or the name they had then.
   * @example "admin"
   */
  @IsOptional()
  @IsString()
  @MaxLength(NAME_LENGTH)
  actor?: string;

  /**
   * What was done; `server.*` stands for everything that begins with `server.`.
   * @example "server.create"
   */
  @IsOptional()
  @Matches(/^[a-zA-Z0-9._-]{1,128}(\.\*)?$/, {
    message: 'must be an action like server.create, or its beginning like server.*',
  })
  action?: string;

  /**
   * Kind of the thing it was done to.
   * @example "server"
   */
  @IsOptional()
  @IsString()
  @MaxLength(NAME_LENGTH)
  resourceType?: string;

  /**
   * Id of the thing it was done to.
   * @example "3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11"
   */
  @IsOptional()
  @IsString()
  @MaxLength(NAME_LENGTH)
  resourceId?: string;

  /**
   * How it ended; repeat it for any of several.
   * @example ["failed", "refused"]
   */
  @IsOptional()
  @Transform(asList)
  @IsArray()
  @ArrayMaxSize(AUDIT_OUTCOMES.length)
  @IsIn(AUDIT_OUTCOMES, { each: true, message: `must be one of ${AUDIT_OUTCOMES.join(', ')}` })
  outcome?: AuditOutcome[];

  /**
   * Not before this time.
   * @example "2026-11-24T00:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true }, { message: MESSAGE })
  @Matches(TIME, { message: MESSAGE })
  from?: string;

  /**
   * Before this time.
   * @example "2026-11-25T00:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true }, { message: MESSAGE })
  @Matches(TIME, { message: MESSAGE })
  to?: string;
}

/** Filters of the list, and where to go on. */
export class AuditQuery extends IntersectionType(AuditFilter, CursorQuery) {}

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;

/** Filters and format of an export. */
export class AuditExportQuery extends AuditFilter {
  /**
   * CSV for spreadsheets, or one JSON object a line, which is the default.
   * @example "csv"
   */
  @IsOptional()
  @IsIn(EXPORT_FORMATS)
  format?: (typeof EXPORT_FORMATS)[number];
}
