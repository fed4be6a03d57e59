import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import {
  Access,
  covers,
  Forbidden,
  isUuid,
  NotFound,
  type Permission,
  PERMISSIONS,
  type Scope,
  SystemDirectory,
  type Target,
} from '#core';
import { Grant, scopeOf } from '../grants/grant.entity.js';
import { ScopeView } from '../grants/grant.view.js';
import { permissionsOf } from '../roles/role.entity.js';
import { TeamMember } from '../teams/team-member.entity.js';
import { User } from '../users/user.entity.js';
import type { ExplainQuery } from './explain.dto.js';
import type { ExplainedGrantView, ExplanationView } from './explain.view.js';
import { parseResource } from './explained-resource.js';
import { targetOf } from './rights.js';

/** Answers why, from the same facts that the guard decides on, read fresh. */
@Injectable()
export class ExplainService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly access: Access,
    private readonly directory: SystemDirectory,
  ) {}

  async explain({ user: named, permission, resource }: ExplainQuery): Promise<ExplanationView> {
    const user = await this.subject(named);
    const scope = parseResource(resource, permission);
    const target = await this.target(scope);
    const grants = (await this.grantsOf(user.id)).map((grant) => judge(grant, permission, target));
    const deciding = grants.find(({ holdsPermission, coversResource }) => holdsPermission && coversResource);
    const obstacle = obstacleOf(user) ?? this.tokenObstacle(user, permission, target);
    return {
      allowed: deciding !== undefined && obstacle === null,
      reason: obstacle ?? (deciding ? because(deciding, permission) : whyNot(grants, permission, scope)),
      user: { id: user.id, username: user.username },
      permission,
      resource: resource ?? null,
      grants: grants.filter(({ holdsPermission, coversResource }) => holdsPermission || coversResource),
    };
  }

  /** Whoever asks about others needs `grants:read`, before anything is said about whether they exist. */
  private async subject(named: string | undefined): Promise<User> {
    const { userId, username } = this.access.caller();
    const isSelf = named === undefined || [userId, username.toLowerCase()].includes(named.toLowerCase());
    if (!isSelf && !this.access.grantFor('grants:read', {})) {
      throw new Forbidden('Explanations about others than yourself need the permission grants:read.', {
        permission: 'grants:read',
      });
    }
    const name = isSelf ? userId : named;
    const builder = this.users.createQueryBuilder('u');
    const user = await builder
      .where(isUuid(name) ? 'u.id = :name' : 'lower(u.username) = lower(:name)', { name })
      .getOne();
    if (!user) throw new NotFound('user', name);
    return user;
  }

  /** A system that isn't there is in no environment; whether it is there is not said. */
  private async target(scope: Scope): Promise<Target> {
    const { kind, id } = targetOf(scope, null);
    const entry = kind && id ? await this.directory.find(kind, id) : null;
    return targetOf(scope, entry?.environment ?? null);
  }

  private grantsOf(userId: string): Promise<Grant[]> {
    return this.users.manager
      .createQueryBuilder(Grant, 'g')
      .innerJoinAndSelect('g.role', 'role')
      .leftJoinAndSelect('g.team', 'team')
      .leftJoin(TeamMember, 'm', 'm.teamId = g.teamId AND m.userId = :userId', { userId })
      .where('g.userId = :userId OR m.userId IS NOT NULL')
      .orderBy('g.createdAt')
      .addOrderBy('g.id')
      .getMany();
  }

  /** Who asks about themselves with an API token is told what the token leaves of their rights. */
  private tokenObstacle(user: User, permission: Permission, target: Target): string | null {
    const { userId, limit } = this.access.caller();
    if (!limit || userId !== user.id) return null;
    if (!limit.permissions.has(permission)) return `The API token that asks does not hold ${permission}.`;
    return covers(limit.scope, target) ? null : `The API token that asks is limited to ${placeName(limit.scope)}.`;
  }
}

function judge(grant: Grant, permission: Permission, target: Target): ExplainedGrantView {
  const scope = scopeOf(grant);
  const counts = PERMISSIONS[permission].kind !== undefined || scope.type === 'all';
  return {
    id: grant.id,
    role: grant.role?.name ?? '',
    scope: ScopeView.of(scope),
    team: grant.team ? { id: grant.team.id, name: grant.team.name } : null,
    holdsPermission: grant.role !== undefined && permissionsOf(grant.role).includes(permission),
    coversResource: counts && covers(scope, target),
  };
}

function obstacleOf(user: User): string | null {
  if (user.disabled) return 'The user is disabled.';
  if (user.mustChangePassword) return 'The user must change their password first.';
  return null;
}

function because({ role, scope, team }: ExplainedGrantView, permission: Permission): string {
  return `The role ${role} on ${placeName(scope)}${team ? `, held through the team ${team.name},` : ''} holds ${permission}.`;
}

function whyNot(grants: ExplainedGrantView[], permission: Permission, asked: Scope): string {
  const place = asked.type === 'all' ? 'EINFRA itself' : placeName(asked);
  if (grants.length === 0) return 'The user holds no role, neither directly nor through a team.';
  const holding = grants.filter(({ holdsPermission }) => holdsPermission);
  if (holding.length === 0) return `None of the user’s roles holds ${permission}.`;
  const places = holding.map(({ role, scope }) => `${role} on ${placeName(scope)}`).join(', ');
  if (PERMISSIONS[permission].kind === undefined)
    return `${permission} counts only when granted on everything, but is held by ${places}.`;
  return `${permission} is held by ${places}, which does not cover ${place}.`;
}

function placeName({ type, id, name }: Scope): string {
  return type === 'all' ? 'everything' : [type, id, name].filter(Boolean).join(' ');
}
