import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  ValidateIf,
} from 'class-validator';
import { LABEL, LABEL_MESSAGE, LINE, LINE_MESSAGE, MAX_TAGS } from '../servers.dto.js';

/** What can be done to many servers at once. */
export const BULK_ACTIONS = ['tag', 'untag', 'environment', 'maintenance', 'delete'] as const;

export type BulkAction = (typeof BULK_ACTIONS)[number];

/** An action on up to 500 servers. `tags`, `environment` and `maintenance` belong to the actions of their names. */
export class BulkDto {
  /** Repeated ids count once. */
  @Transform(({ value }: { value: unknown }) =>
    Array.isArray(value)
      ? [...new Set<unknown>(value.map((id: unknown) => (typeof id === 'string' ? id.toLowerCase() : id)))]
      : value,
  )
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  @IsUUID('all', { each: true, message: 'must be UUIDs' })
  ids!: string[];

  @IsIn(BULK_ACTIONS)
  action!: BulkAction;

  /**
   * For `tag`, which adds them, and `untag`, which takes them away.
   * @example ["web"]
   */
  @ValidateIf(({ action, tags }: BulkDto) => action === 'tag' || action === 'untag' || tags !== undefined)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_TAGS)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  @Matches(LINE, { each: true, message: `each tag ${LINE_MESSAGE}` })
  tags?: string[];

  /**
   * For `environment`; null takes them out of any.
   * @example "production"
   */
  @IsOptional()
  @IsString()
  @Length(1, 63)
  @Matches(LABEL, { message: LABEL_MESSAGE })
  environment?: string | null;

  /** For `maintenance`: begins it, or ends it. */
  @ValidateIf(({ action, maintenance }: BulkDto) => action === 'maintenance' || maintenance !== undefined)
  @IsBoolean()
  maintenance?: boolean;
}
