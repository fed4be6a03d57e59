import { IsIn, IsOptional, IsString, Length, MaxLength } from 'class-validator';
import { ALL_PERMISSIONS, type Permission } from '#core';

/** What is to be explained. */
export class ExplainQuery {
  /**
   * Id or name of the user; yourself when left out.
   * @example "jana"
   */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  user?: string;

  /** @example "servers:write" */
  @IsIn(ALL_PERMISSIONS, { message: 'must be the name of a permission, as GET /api/permissions lists them' })
  permission!: Permission;

  /**
   * `server/<id>`, `docker-host/<id>`, `cluster/<id>`, `registry/<id>`, `namespace/<clusterId>/<name>`,
   * `project/<registryId>/<name>` or `environment/<name>`; EINFRA itself when left out.
   * @example "environment/production"
   */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  resource?: string;
}
