import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, IdParams, IfMatch, Page } from '#core';
import { created } from '../access/created.js';
import { RoleView } from './role.view.js';
import { CreateRoleDto, RoleListQuery, UpdateRoleDto } from './roles.dto.js';
import { RolesService } from './roles.service.js';

@Controller('roles')
@ApiTags('Roles')
export class RolesController {
  constructor(private readonly roles: RolesService) {}

  /** Roles, built in and your own. */
  @Get()
  @Allow('roles:read')
  @ApiPage(RoleView)
  list(@Query() query: RoleListQuery): Promise<Page<RoleView>> {
    return this.roles.list(query);
  }

  /** One role. */
  @Get(':id')
  @Allow('roles:read')
  get(@Param() { id }: IdParams): Promise<RoleView> {
    return this.roles.get(id);
  }

  /** Makes a role. It can only hold permissions that you hold on everything. */
  @Post()
  @Allow('roles:write', { action: 'role.create' })
  async create(@Body() body: CreateRoleDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<RoleView> {
    return created(reply, await this.roles.create(body));
  }

  /** Changes a role, and with it the rights of everybody who holds it. */
  @Patch(':id')
  @Allow('roles:write', { action: 'role.update' })
  update(@Param() { id }: IdParams, @Body() body: UpdateRoleDto, @IfMatch() version?: number): Promise<RoleView> {
    return this.roles.update(id, body, version);
  }

  /** Removes a role that nobody holds. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('roles:write', { action: 'role.delete' })
  remove(@Param() { id }: IdParams, @IfMatch() version?: number): Promise<void> {
    return this.roles.remove(id, version);
  }
}
