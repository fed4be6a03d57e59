import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsISO8601, IsOptional, Length, Matches, Max, Min } from 'class-validator';
import { IdParams, PageQuery } from '#core';
import { UNIT_NAME } from './systemd.js';

/** Path parameters of routes about one service. */
export class ServiceParams extends IdParams {
  /**
   * Name of the unit; without a suffix it is a service.
   * @example "nginx"
   */
  @Length(1, 255)
  @Matches(UNIT_NAME, { message: 'must be the name of a unit' })
  unit!: string;
}

/** Services are sorted by `name`, `activeState` and `unitFileState`; `q` looks in name and description. */
export class ServiceListQuery extends PageQuery {
  /**
   * In any of these states.
   * @example ["failed"]
   */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === undefined || Array.isArray(value) ? value : [value]))
  @IsIn(['active', 'reloading', 'inactive', 'failed', 'activating', 'deactivating', 'maintenance'], { each: true })
  state?: string[];
}

/** What of a journal. */
export class JournalQuery {
  /**
   * Lines from the end, 100 unless given.
   * @example 100
   */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(5_000)
  tail?: number;

  /**
   * Only lines from then on.
   * @example "2026-01-01T10:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  since?: string;

  /** Whether to go on with new lines; only as `text/event-stream`. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) =>
    value === 'true' || value === '' ? true : value === 'false' ? false : value,
  )
  @IsBoolean()
  follow?: boolean;
}
