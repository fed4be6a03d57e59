import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, Repository, type SelectQueryBuilder } from 'typeorm';
import {
  Access,
  AuditTrail,
  fetchPage,
  isUuid,
  likeText,
  NotFound,
  type Page,
  type Scope,
  SystemDirectory,
  ValidationFailed,
} from '#core';
import { Escalation } from '../access/escalation.js';
import { LastAdmin } from '../access/last-admin.js';
import { CallerCache } from '../caller/caller-cache.js';
import { permissionsOf, Role } from '../roles/role.entity.js';
import { Team } from '../teams/team.entity.js';
import { User } from '../users/user.entity.js';
import { Grant } from './grant.entity.js';
import { rightsOfGrant } from './grant-rights.js';
import { checkedScope } from './grant-scope.js';
import { GrantView } from './grant.view.js';
import type { CreateGrantDto, GrantListQuery, SubjectDto } from './grants.dto.js';

const SORTABLE = { createdAt: 'g.createdAt', role: 'role.name', scopeType: 'g.scopeType' };

/** Who holds which role where. Grants are made and removed, never changed. */
@Injectable()
export class GrantsService {
  constructor(
    @InjectRepository(Grant) private readonly grants: Repository<Grant>,
    private readonly access: Access,
    private readonly directory: SystemDirectory,
    private readonly escalation: Escalation,
    private readonly lastAdmin: LastAdmin,
    private readonly audit: AuditTrail,
    private readonly callers: CallerCache,
  ) {}

  list(query: GrantListQuery): Promise<Page<GrantView>> {
    const builder = this.withNames();
    if (query.userId) builder.andWhere('g.userId = :userId', { userId: query.userId });
    if (query.teamId) builder.andWhere('g.teamId = :teamId', { teamId: query.teamId });
    if (query.role)
      builder.andWhere(isUuid(query.role) ? 'g.roleId = :role' : 'lower(role.name) = lower(:role)', {
        role: query.role,
      });
    if (query.scopeType) builder.andWhere('g.scopeType = :scopeType', { scopeType: query.scopeType });
    if (query.scopeId) builder.andWhere('g.scopeId = :scopeId', { scopeId: query.scopeId });
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) =>
          ['user.username', 'team.name', 'role.name'].forEach((name) => where.orWhere(`${name} ILIKE :text`, text)),
        ),
      );
    }
    return fetchPage(builder, query, SORTABLE, '-createdAt', (grant) => GrantView.of(grant));
  }

  async get(id: string): Promise<GrantView> {
    return GrantView.of(await this.find(id));
  }

  /** Throws ValidationFailed when subject, role or scope name nothing, Forbidden when the caller lacks what they grant. */
  async create(input: CreateGrantDto): Promise<{ grant: GrantView; isNew: boolean }> {
    const subject = await this.subject(input.subject);
    const role = await this.role(input.role);
    const scope = await checkedScope(input.scope, this.directory);
    const id = randomUUID();
    this.audit.describe({ resource: { type: 'grant', id, name: grantName(role.name, subject.name) } });
    await this.escalation.assertCovers([{ permissions: permissionsOf(role), scope }]);
    const [made] = await this.insert(id, subject, role, scope);
    await this.callers.forgetAll();
    const grant = await this.find(made ?? (await this.existing(subject, role, scope)));
    const view = GrantView.of(grant);
    this.audit.describe({
      resource: { type: 'grant', id: view.id, name: grantName(role.name, subject.name) },
      after: facts(view),
    });
    return { grant: view, isNew: made !== undefined };
  }

  async remove(id: string): Promise<void> {
    const grant = await this.find(id);
    const view = GrantView.of(grant);
    this.audit.describe({
      resource: { type: 'grant', id, name: grantName(view.role, view.subject.name) },
      before: facts(view),
    });
    await this.escalation.assertCovers([rightsOfGrant(grant)]);
    await this.lastAdmin.keep((manager) => manager.delete(Grant, { id }));
    await this.callers.forgetAll();
  }

  /** The id, or nothing when the same grant is there already. */
  private async insert(id: string, subject: Subject, role: Role, scope: Scope): Promise<string[]> {
    const rows: { id: string }[] = await this.grants.query(
      `INSERT INTO grants (id, user_id, team_id, role_id, scope_type, scope_id, scope_name, created_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
      [id, subject.userId, subject.teamId, role.id, scope.type, scope.id, scope.name, this.access.caller().userId],
    );
    return rows.map((row) => row.id);
  }

  private async existing({ userId, teamId }: Subject, role: Role, scope: Scope): Promise<string> {
    const rows: { id: string }[] = await this.grants.query(
      `SELECT id FROM grants WHERE role_id = $1 AND scope_type = $2 AND user_id IS NOT DISTINCT FROM $3 AND team_id IS NOT DISTINCT FROM $4
         AND scope_id IS NOT DISTINCT FROM $5 AND scope_name IS NOT DISTINCT FROM $6`,
      [role.id, scope.type, userId, teamId, scope.id, scope.name],
    );
    return rows[0]?.id ?? '';
  }

  private async subject({ type, id }: SubjectDto): Promise<Subject> {
    const { manager } = this.grants;
    if (type === 'user') {
      const user = await manager.findOneBy(User, { id });
      if (user) return { userId: user.id, teamId: null, name: user.username };
    } else {
      const team = await manager.findOneBy(Team, { id });
      if (team) return { userId: null, teamId: team.id, name: team.name };
    }
    throw ValidationFailed.at('/subject/id', `names no ${type}`);
  }

  private async role(nameOrId: string): Promise<Role> {
    const builder = this.grants.manager.createQueryBuilder(Role, 'r');
    const role = await builder
      .where(isUuid(nameOrId) ? 'r.id = :text' : 'lower(r.name) = lower(:text)', { text: nameOrId })
      .getOne();
    if (!role) throw ValidationFailed.at('/role', 'names no role');
    return role;
  }

  private async find(id: string): Promise<Grant> {
    const grant = isUuid(id) ? await this.withNames().where('g.id = :id', { id }).getOne() : null;
    if (!grant) throw new NotFound('grant', id);
    return grant;
  }

  private withNames(): SelectQueryBuilder<Grant> {
    return this.grants
      .createQueryBuilder('g')
      .leftJoinAndSelect('g.role', 'role')
      .leftJoinAndSelect('g.user', 'user')
      .leftJoinAndSelect('g.team', 'team');
  }
}

interface Subject {
  userId: string | null;
  teamId: string | null;
  name: string;
}

function grantName(role: string, subject: string): string {
  return `${role} for ${subject}`;
}

function facts({ subject, role, scope }: GrantView): object {
  return { subject: { ...subject }, role, scope: { ...scope } };
}
