import { Type } from 'class-transformer';
import { IsInt, IsISO8601, IsOptional, Max, Min } from 'class-validator';

/** Most points that a history can have. */
export const MAX_POINTS = 1_000;

/** Which stretch of the past, and how finely. */
export class HistoryQuery {
  /**
   * Start, inclusive; an hour before `to` unless given. UTC unless it names an offset.
   * @example "2026-01-01T10:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  from?: string;

  /**
   * End, exclusive; now unless given.
   * @example "2026-01-01T11:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  to?: string;

  /**
   * Points to divide the time into at the most; 60 unless given.
   * @example 60
   */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_POINTS)
  points?: number;

  /**
   * Seconds from one point to the next, instead of `points`.
   * @example 60
   */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(366 * 86_400)
  step?: number;
}
