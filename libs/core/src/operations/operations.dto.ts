import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, IsUUID, Max, MaxLength, Min } from 'class-validator';
import { CursorQuery } from '../lists/page.dto.js';
import { OPERATION_STATES, type OperationState } from './operation-row.js';

/** Query parameters of the list of operations. */
export class OperationListQuery extends CursorQuery {
  /** Only those in this state. */
  @IsOptional()
  @IsIn(OPERATION_STATES)
  state?: OperationState;

  /**
   * Only those of this type.
   * @example "server.import"
   */
  @IsOptional()
  @IsString()
  @MaxLength(100)
  type?: string;

  /** Only those on this resource. */
  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  resourceId?: string;
}

/** Query parameters of the log of an operation. */
export class OperationLogQuery {
  /** Number of the last line that is known: `nextCursor` of the answer before. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  cursor: number = 0;

  /** Lines to answer, at most 1,000. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit: number = 1_000;
}
