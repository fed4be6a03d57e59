import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { ALL_PERMISSIONS, PageQuery, type Permission } from '#core';
import { NAME, NAME_MESSAGE } from '../access/names.js';

/** A role to make. */
export class CreateRoleDto {
  /**
   * Unique whatever its case.
   * @example "server-keeper"
   */
  @IsString()
  @Matches(NAME, { message: NAME_MESSAGE })
  name!: string;

  /** What the role is for. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;

  /**
   * Names of permissions, as `GET /api/permissions` lists them.
   * @example ["servers:read", "servers:write"]
   */
  @IsArray()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @IsIn(ALL_PERMISSIONS, {
    each: true,
    message: 'may only hold names of permissions, as GET /api/permissions lists them',
  })
  permissions!: Permission[];
}

/** What changes of a role; fields left out stay. */
export class UpdateRoleDto {
  /** @example "server-keeper" */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Matches(NAME, { message: NAME_MESSAGE })
  name?: string;

  /** Null clears it. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;

  /** Replaces all permissions of the role. */
  @ValidateIf((_, value) => value !== undefined)
  @IsArray()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @IsIn(ALL_PERMISSIONS, {
    each: true,
    message: 'may only hold names of permissions, as GET /api/permissions lists them',
  })
  permissions?: Permission[];
}

/** Roles are sorted by `name`, `createdAt` and `updatedAt`; `q` looks in name and description. */
export class RoleListQuery extends PageQuery {
  /** Only built-in roles, or only others. */
  @IsOptional()
  @IsIn(['true', 'false'])
  builtIn?: 'true' | 'false';
}
