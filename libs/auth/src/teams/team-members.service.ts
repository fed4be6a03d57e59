import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, Repository, type SelectQueryBuilder } from 'typeorm';
import { AuditTrail, fetchPage, likeText, NotFound, type Page, ValidationFailed } from '#core';
import { LastAdmin } from '../access/last-admin.js';
import { CallerCache } from '../caller/caller-cache.js';
import { User } from '../users/user.entity.js';
import { TeamMember } from './team-member.entity.js';
import { MemberView } from './team.view.js';
import type { MemberListQuery } from './teams.dto.js';
import { TeamsService } from './teams.service.js';

const SORTABLE = { username: 'u.username', displayName: 'u.displayName' };

/** Who belongs to a team. */
@Injectable()
export class TeamMembersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly teams: TeamsService,
    private readonly lastAdmin: LastAdmin,
    private readonly audit: AuditTrail,
    private readonly callers: CallerCache,
  ) {}

  async list(teamId: string, query: MemberListQuery): Promise<Page<MemberView>> {
    await this.teams.find(teamId);
    const builder = this.membersOf(teamId);
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) => where.where('u.username ILIKE :text', text).orWhere('u.displayName ILIKE :text', text)),
      );
    }
    return fetchPage(builder, query, SORTABLE, 'username', (user) => MemberView.of(user));
  }

  async get(teamId: string, userId: string): Promise<MemberView> {
    await this.teams.find(teamId);
    const user = await this.membersOf(teamId).andWhere('u.id = :userId', { userId }).getOne();
    if (!user) throw new NotFound('member', userId);
    return MemberView.of(user);
  }

  /** An unknown user is a mistake at `pointer` of the body, or a NotFound when the path names them. */
  async add(teamId: string, userId: string, pointer?: string): Promise<{ member: MemberView; isNew: boolean }> {
    await this.teams.changeable(teamId);
    const user = await this.users.findOneBy({ id: userId });
    if (!user) throw pointer ? ValidationFailed.at(pointer, 'names no user') : new NotFound('user', userId);
    const rows: unknown[] = await this.users.query(
      'INSERT INTO team_members (team_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING user_id',
      [teamId, userId],
    );
    this.audit.describe({ after: { member: user.username, userId } });
    await this.callers.forgetUser(user.id);
    return { member: MemberView.of(user), isNew: rows.length > 0 };
  }

  async remove(teamId: string, userId: string): Promise<void> {
    await this.teams.changeable(teamId);
    const user = await this.users.findOneBy({ id: userId });
    await this.lastAdmin.keep((manager) => manager.delete(TeamMember, { teamId, userId }));
    this.audit.describe({ before: { member: user?.username ?? null, userId } });
    if (user) await this.callers.forgetUser(user.id);
  }

  private membersOf(teamId: string): SelectQueryBuilder<User> {
    return this.users
      .createQueryBuilder('u')
      .innerJoin(TeamMember, 'm', 'm.userId = u.id AND m.teamId = :teamId', { teamId });
  }
}
