import { IsIn, IsOptional } from 'class-validator';
import { PageQuery } from '#core';

/** Sessions are sorted by `createdAt`, `lastUsedAt` and `expiresAt`; `q` looks in address and user agent. */
export class SessionListQuery extends PageQuery {}

/** Which of one's sessions end. */
export class EndSessionsQuery {
  /** Keeps the session that asks. */
  @IsOptional()
  @IsIn(['true', 'false'])
  exceptCurrent?: 'true' | 'false';
}
