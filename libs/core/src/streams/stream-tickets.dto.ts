import { IsIn, IsString, Length, Matches } from 'class-validator';

/** The stream that a ticket is for. */
export class StreamTicketDto {
  /**
   * Path without query, exactly as it will be called.
   * @example "/api/servers/3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11/exec"
   */
  @IsString()
  @Length(1, 2000)
  @Matches(/^\/api\/[^?#\s]+$/, { message: 'must be a path below /api/ without a query' })
  path!: string;

  /** @example "GET" */
  @IsIn(['GET'])
  method!: 'GET';
}
