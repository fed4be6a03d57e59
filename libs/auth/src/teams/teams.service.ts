import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, DataSource, Repository } from 'typeorm';
import { AuditTrail, fetchPage, likeText, NotFound, type Page } from '#core';
import { Escalation } from '../access/escalation.js';
import { LastAdmin } from '../access/last-admin.js';
import { lockRow } from '../access/versions.js';
import { CallerCache } from '../caller/caller-cache.js';
import { rightsOfTeam } from '../grants/grant-rights.js';
import { Team } from './team.entity.js';
import { TeamMember } from './team-member.entity.js';
import { TeamView } from './team.view.js';
import type { CreateTeamDto, TeamListQuery, UpdateTeamDto } from './teams.dto.js';

const SORTABLE = { name: 't.name', createdAt: 't.createdAt', updatedAt: 't.updatedAt' };

/** Teams. Who changes or removes one must hold what it gives. */
@Injectable()
export class TeamsService {
  constructor(
    @InjectRepository(Team) private readonly teams: Repository<Team>,
    private readonly dataSource: DataSource,
    private readonly escalation: Escalation,
    private readonly lastAdmin: LastAdmin,
    private readonly audit: AuditTrail,
    private readonly callers: CallerCache,
  ) {}

  list(query: TeamListQuery): Promise<Page<TeamView>> {
    const builder = this.teams.createQueryBuilder('t');
    if (query.userId)
      builder.innerJoin(TeamMember, 'm', 'm.teamId = t.id AND m.userId = :userId', { userId: query.userId });
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) => where.where('t.name ILIKE :text', text).orWhere('t.description ILIKE :text', text)),
      );
    }
    return fetchPage(builder, query, SORTABLE, 'name', (team) => TeamView.of(team));
  }

  async get(id: string): Promise<TeamView> {
    return TeamView.of(await this.find(id));
  }

  async create({ name, description }: CreateTeamDto): Promise<TeamView> {
    const id = randomUUID();
    const facts = { name, description: description ?? '' };
    this.audit.describe({ resource: { type: 'team', id, name } });
    await this.teams.insert({ id, ...facts });
    this.audit.describe({ after: facts });
    return this.get(id);
  }

  async update(id: string, input: UpdateTeamDto, version?: number): Promise<TeamView> {
    await this.changeable(id);
    return this.dataSource.transaction(async (manager) => {
      const team = await lockRow(manager, Team, 'team', id, version);
      const before = { name: team.name, description: team.description };
      if (input.name !== undefined) team.name = input.name;
      if (input.description !== undefined) team.description = input.description ?? '';
      team.version++;
      this.audit.describe({ before, after: { name: team.name, description: team.description } });
      return TeamView.of(await manager.save(team));
    });
  }

  async remove(id: string, version?: number): Promise<void> {
    await this.changeable(id);
    await this.lastAdmin.keep(async (manager) => {
      const { name, description } = await lockRow(manager, Team, 'team', id, version);
      this.audit.describe({ before: { name, description } });
      await manager.delete(Team, { id });
    });
    await this.callers.forgetAll();
  }

  /** The team, when the caller holds what it gives. */
  async changeable(id: string): Promise<Team> {
    const team = await this.find(id);
    this.audit.describe({ resource: { type: 'team', id, name: team.name } });
    await this.escalation.assertCovers(await rightsOfTeam(this.dataSource.manager, id));
    return team;
  }

  async find(id: string): Promise<Team> {
    const team = await this.teams.findOneBy({ id });
    if (!team) throw new NotFound('team', id);
    return team;
  }
}
