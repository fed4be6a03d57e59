import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, IdParams, IfMatch, Page } from '#core';
import { created } from '../access/created.js';
import { UserView } from './user.view.js';
import { CreateUserDto, UpdateUserDto, UserListQuery } from './users.dto.js';
import { UsersService } from './users.service.js';

@Controller('users')
@ApiTags('Users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  /** Users. */
  @Get()
  @Allow('users:read')
  @ApiPage(UserView)
  list(@Query() query: UserListQuery): Promise<Page<UserView>> {
    return this.users.list(query);
  }

  /** One user. */
  @Get(':id')
  @Allow('users:read')
  get(@Param() { id }: IdParams): Promise<UserView> {
    return this.users.get(id);
  }

  /** Makes a user, who holds no rights until a role is granted to them. */
  @Post()
  @Allow('users:write', { action: 'user.create' })
  async create(@Body() body: CreateUserDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<UserView> {
    return created(reply, await this.users.create(body));
  }

  /** Changes, disables, enables or resets a user. You must hold every right that they hold. */
  @Patch(':id')
  @Allow('users:write', { action: 'user.update' })
  update(@Param() { id }: IdParams, @Body() body: UpdateUserDto, @IfMatch() version?: number): Promise<UserView> {
    return this.users.update(id, body, version);
  }

  /** Removes a user with their sessions, API tokens and grants. You must hold every right that they hold. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('users:write', { action: 'user.delete' })
  remove(@Param() { id }: IdParams, @IfMatch() version?: number): Promise<void> {
    return this.users.remove(id, version);
  }
}
