import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** Query parameters that every paged list takes. Lists with filters extend it. */
export class PageQuery {
  /**
   * Page to answer, from 1.
   * @example 1
   */
  @ApiPropertyOptional()
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  page: number = 1;

  /**
   * Items on a page, at most 100.
   * @example 20
   */
  @ApiPropertyOptional()
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  pageSize: number = 20;

  /**
   * Fields to sort by, comma-separated, `-` before a field for descending.
   * @example "-createdAt,name"
   */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  sort?: string;

  /**
   * Free text to search for.
   * @example "web"
   */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  q?: string;
}

/** Query parameters of endless lists. */
export class CursorQuery {
  /** Where to go on: `nextCursor` of the answer before. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  cursor?: string;

  /**
   * Items to answer, at most 100.
   * @example 50
   */
  @ApiPropertyOptional()
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 50;
}
