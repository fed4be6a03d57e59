import { type Scope, type ScopeType } from '#core';
import { type Grant, scopeOf } from './grant.entity.js';

/** Who holds a role. */
export class SubjectView {
  /** `user` or `team`. */
  type!: 'user' | 'team';
  id!: string;
  /** Username, or name of the team. */
  name!: string;
}

/** Where a role holds. */
export class ScopeView {
  /** One of all, environment, server, docker-host, cluster, namespace, registry, project. */
  type!: ScopeType;
  /** Id of the system. */
  id!: string | null;
  /** Name of the environment, namespace or project. */
  name!: string | null;

  static of({ type, id, name }: Scope): ScopeView {
    return Object.assign(new ScopeView(), { type, id: id ?? null, name: name ?? null });
  }
}

/** A grant as the API shows it. */
export class GrantView {
  id!: string;
  subject!: SubjectView;
  /**
   * Name of the role.
   * @example "operator"
   */
  role!: string;
  roleId!: string;
  scope!: ScopeView;
  createdAt!: string;
  /** Id of the user who granted it; null for what EINFRA made itself. */
  createdBy!: string | null;

  /** The grant must have been read with its user, team and role. */
  static of(grant: Grant): GrantView {
    const { id, user, team, role, roleId, createdAt, createdBy } = grant;
    const subject: SubjectView = user
      ? { type: 'user', id: user.id, name: user.username }
      : { type: 'team', id: team?.id ?? '', name: team?.name ?? '' };
    return Object.assign(new GrantView(), {
      id,
      subject,
      role: role?.name ?? '',
      roleId,
      scope: ScopeView.of(scopeOf(grant)),
      createdAt: createdAt.toISOString(),
      createdBy,
    });
  }
}
