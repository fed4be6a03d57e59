import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';

/** A port of a server to try. */
export class ConnectivityDto {
  /** @example 443 */
  @IsInt()
  @Min(1)
  @Max(65_535)
  port!: number;

  /** Whether to look at the TLS certificate there; no unless given. */
  @IsOptional()
  @IsBoolean()
  tls?: boolean;
}
