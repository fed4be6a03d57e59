import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, IdParams, IfMatch, Page } from '#core';
import { created } from '../access/created.js';
import { TeamView } from './team.view.js';
import { CreateTeamDto, TeamListQuery, UpdateTeamDto } from './teams.dto.js';
import { TeamsService } from './teams.service.js';

@Controller('teams')
@ApiTags('Teams')
export class TeamsController {
  constructor(private readonly teams: TeamsService) {}

  /** Teams. */
  @Get()
  @Allow('teams:read')
  @ApiPage(TeamView)
  list(@Query() query: TeamListQuery): Promise<Page<TeamView>> {
    return this.teams.list(query);
  }

  /** One team. */
  @Get(':id')
  @Allow('teams:read')
  get(@Param() { id }: IdParams): Promise<TeamView> {
    return this.teams.get(id);
  }

  /** Makes a team without members and rights. */
  @Post()
  @Allow('teams:write', { action: 'team.create' })
  async create(@Body() body: CreateTeamDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<TeamView> {
    return created(reply, await this.teams.create(body));
  }

  /** Renames or describes a team. */
  @Patch(':id')
  @Allow('teams:write', { action: 'team.update' })
  update(@Param() { id }: IdParams, @Body() body: UpdateTeamDto, @IfMatch() version?: number): Promise<TeamView> {
    return this.teams.update(id, body, version);
  }

  /** Removes a team with its grants; its members stay users. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('teams:write', { action: 'team.delete' })
  remove(@Param() { id }: IdParams, @IfMatch() version?: number): Promise<void> {
    return this.teams.remove(id, version);
  }
}
