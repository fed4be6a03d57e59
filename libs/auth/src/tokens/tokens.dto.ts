import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsObject,
  IsOptional,
  IsRFC3339,
  IsString,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { ALL_PERMISSIONS, PageQuery, type Permission } from '#core';
import { NAME, NAME_MESSAGE } from '../access/names.js';
import { ScopeDto } from '../grants/grants.dto.js';

/** An API token to make. */
export class CreateTokenDto {
  /**
   * Unique among your tokens.
   * @example "nightly-report"
   */
  @IsString()
  @Matches(NAME, { message: NAME_MESSAGE })
  name!: string;

  /**
   * What the token may do at the most: it never does more than you may at that time.
   * @example ["servers:read"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  @ArrayUnique()
  @IsIn(ALL_PERMISSIONS, {
    each: true,
    message: 'may only hold names of permissions, as GET /api/permissions lists them',
  })
  permissions!: Permission[];

  /** Where the token counts; wherever you hold the permissions when left out. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ScopeDto)
  scope?: ScopeDto | null;

  /**
   * Its end, with a time zone, at most 366 days ahead.
   * @example "2027-06-30T00:00:00Z"
   */
  @IsString()
  @MaxLength(40)
  @IsRFC3339({ message: 'must be a time with its zone, like 2027-06-30T00:00:00Z' })
  expiresAt!: string;
}

/** Tokens are sorted by `name`, `createdAt`, `expiresAt` and `lastUsedAt`; `q` looks in the name. */
export class TokenListQuery extends PageQuery {}
