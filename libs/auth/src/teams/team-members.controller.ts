import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, IdParams, Page } from '#core';
import { created } from '../access/created.js';
import { MemberView } from './team.view.js';
import { AddMemberDto, MemberListQuery, MemberParams } from './teams.dto.js';
import { TeamMembersService } from './team-members.service.js';

@Controller('teams/:id/members')
@ApiTags('Teams')
export class TeamMembersController {
  constructor(private readonly members: TeamMembersService) {}

  /** Members of a team. */
  @Get()
  @Allow('teams:read')
  @ApiPage(MemberView)
  list(@Param() { id }: IdParams, @Query() query: MemberListQuery): Promise<Page<MemberView>> {
    return this.members.list(id, query);
  }

  /** Adds a user to a team. You must hold what the team gives. Who is a member already is answered with 200. */
  @Post()
  @ApiCreatedResponse({ type: MemberView, description: 'The user is a member now.' })
  @ApiOkResponse({ type: MemberView, description: 'The user was a member already.' })
  @Allow('teams:write', { action: 'team.member.add' })
  async add(
    @Param() { id }: IdParams,
    @Body() { userId }: AddMemberDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MemberView> {
    const { member, isNew } = await this.members.add(id, userId, '/userId');
    if (!isNew) void reply.status(200);
    return created(reply, member);
  }

  /** One member of a team. */
  @Get(':userId')
  @Allow('teams:read')
  get(@Param() { id, userId }: MemberParams): Promise<MemberView> {
    return this.members.get(id, userId);
  }

  /** Makes sure that a user is a member. You must hold what the team gives. */
  @Put(':userId')
  @Allow('teams:write', { action: 'team.member.add' })
  async put(@Param() { id, userId }: MemberParams): Promise<MemberView> {
    return (await this.members.add(id, userId)).member;
  }

  /** Makes sure that a user is no member. You must hold what the team gives. */
  @Delete(':userId')
  @HttpCode(204)
  @Allow('teams:write', { action: 'team.member.remove' })
  remove(@Param() { id, userId }: MemberParams): Promise<void> {
    return this.members.remove(id, userId);
  }
}
