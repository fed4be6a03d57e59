import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, IdParams, Page } from '#core';
import { created } from '../access/created.js';
import { GrantView } from './grant.view.js';
import { CreateGrantDto, GrantListQuery } from './grants.dto.js';
import { GrantsService } from './grants.service.js';

@Controller('grants')
@ApiTags('Grants')
export class GrantsController {
  constructor(private readonly grants: GrantsService) {}

  /** Who holds which role where. */
  @Get()
  @Allow('grants:read')
  @ApiPage(GrantView)
  list(@Query() query: GrantListQuery): Promise<Page<GrantView>> {
    return this.grants.list(query);
  }

  /** One grant. */
  @Get(':id')
  @Allow('grants:read')
  get(@Param() { id }: IdParams): Promise<GrantView> {
    return this.grants.get(id);
  }

  /** Grants a role to a user or a team. You can only grant what you hold yourself. A grant that is there already is answered with 200. */
  @Post()
  @ApiCreatedResponse({ type: GrantView, description: 'The grant that was made.' })
  @ApiOkResponse({ type: GrantView, description: 'The grant was there already.' })
  @Allow('grants:write', { action: 'grant.create' })
  async create(@Body() body: CreateGrantDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<GrantView> {
    const { grant, isNew } = await this.grants.create(body);
    if (!isNew) void reply.status(200);
    return created(reply, grant);
  }

  /** Takes a role away. You can only take what you hold yourself. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('grants:write', { action: 'grant.delete' })
  remove(@Param() { id }: IdParams): Promise<void> {
    return this.grants.remove(id);
  }
}
