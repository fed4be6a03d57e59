import { IsOptional, IsString, IsUUID, Matches, MaxLength, ValidateIf } from 'class-validator';
import { IdParams, PageQuery } from '#core';
import { NAME, NAME_MESSAGE } from '../access/names.js';

/** A team to make. */
export class CreateTeamDto {
  /**
   * Unique whatever its case.
   * @example "platform"
   */
  @IsString()
  @Matches(NAME, { message: NAME_MESSAGE })
  name!: string;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;
}

/** What changes of a team; fields left out stay. */
export class UpdateTeamDto {
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Matches(NAME, { message: NAME_MESSAGE })
  name?: string;

  /** Null clears it. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;
}

/** Teams are sorted by `name`, `createdAt` and `updatedAt`; `q` looks in name and description. */
export class TeamListQuery extends PageQuery {
  /** Teams that this user belongs to. */
  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  userId?: string;
}

/** Members are sorted by `username` and `displayName`; `q` looks in both. */
export class MemberListQuery extends PageQuery {}

/** A member to add. */
export class AddMemberDto {
  /**
   * Id of the user.
   * @example "3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f12"
   */
  @IsUUID('all', { message: 'must be a UUID' })
  userId!: string;
}

/** Path parameters of routes about one member. */
export class MemberParams extends IdParams {
  /**
   * Id of the user.
   * @example "3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f12"
   */
  @IsUUID('all', { message: 'must be a UUID' })
  userId!: string;
}
