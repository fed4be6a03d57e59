import { Type } from 'class-transformer';
import {
  IsDefined,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { PageQuery, SCOPE_TYPES, type ScopeType } from '#core';

/** Who gets the role. */
export class SubjectDto {
  @IsIn(['user', 'team'])
  type!: 'user' | 'team';

  @IsUUID('all', { message: 'must be a UUID' })
  id!: string;
}

/** Where the role holds. */
export class ScopeDto {
  /** `all` is everything; `namespace` and `project` lie below a cluster and a registry. */
  @IsIn(SCOPE_TYPES)
  type!: ScopeType;

  /** Id of the system: of a server, Docker host, cluster or registry, also when the scope is a part of it. */
  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  id?: string | null;

  /** Name of the environment, namespace or project. */
  @IsOptional()
  @IsString()
  @Length(1, 255)
  name?: string | null;
}

/** A role to grant. */
export class CreateGrantDto {
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => SubjectDto)
  subject!: SubjectDto;

  /**
   * Name or id of the role.
   * @example "operator"
   */
  @IsString()
  @Length(1, 100)
  role!: string;

  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ScopeDto)
  scope!: ScopeDto;
}

/** Grants are sorted by `createdAt`, `role` and `scopeType`; `q` looks in the names of users, teams and roles. */
export class GrantListQuery extends PageQuery {
  /** Grants to this user; those through teams are not among them. */
  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  userId?: string;

  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  teamId?: string;

  /** Name or id of a role. */
  @IsOptional()
  @IsString()
  @MaxLength(100)
  role?: string;

  @IsOptional()
  @IsIn(SCOPE_TYPES)
  scopeType?: ScopeType;

  /** Grants on this system and on parts of it. */
  @IsOptional()
  @IsUUID('all', { message: 'must be a UUID' })
  scopeId?: string;
}
