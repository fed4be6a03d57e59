import { IsNumber, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';
import { LABEL, LABEL_MESSAGE } from '../servers.dto.js';
import type { Thresholds } from './thresholds.js';

/**
 * From which percentage on, three readings in a row, a server is degraded. What a server leaves out its environment decides; null is
 * "never", whatever the environment says.
 */
export class ThresholdsDto implements Thresholds {
  /** @example 95 */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(100)
  cpuPercent?: number | null;

  /** @example 95 */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(100)
  memoryPercent?: number | null;

  /** @example 90 */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(100)
  diskPercent?: number | null;
}

/** Path parameter of routes about an environment. */
export class EnvironmentParams {
  /**
   * Name of the environment.
   * @example "production"
   */
  @IsString()
  @Length(1, 63)
  @Matches(LABEL, { message: LABEL_MESSAGE })
  name!: string;
}
