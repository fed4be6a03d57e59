import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsISO8601,
  IsNumber,
  IsOptional,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';

/** In one request. */
export const MAX_SAMPLES = 1_000;

/** Figures of a server at one moment; what is left out, or null, is not known. */
export class PushedSampleDto {
  /**
   * When it was measured; now unless given. UTC unless it names an offset.
   * @example "2026-01-01T10:00:00Z"
   */
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  at?: string | null;

  /** @example 12.5 */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  cpuPercent?: number | null;

  /** @example 48.2 */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  memoryPercent?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  memoryUsedBytes?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  memoryTotalBytes?: number | null;

  /** @example 61 */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  diskPercent?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  diskUsedBytes?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  diskTotalBytes?: number | null;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  networkReceiveBytesPerSecond?: number | null;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  networkTransmitBytesPerSecond?: number | null;

  /** @example 0.42 */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1_000_000)
  load1?: number | null;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1_000_000)
  load5?: number | null;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1_000_000)
  load15?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  uptimeSeconds?: number | null;
}

/** One sample, or `samples` with several of any order. Each has at least one figure. */
export class PushMetricsDto extends PushedSampleDto {
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_SAMPLES)
  @ValidateNested({ each: true })
  @Type(() => PushedSampleDto)
  samples?: PushedSampleDto[];
}
