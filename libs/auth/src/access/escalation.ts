import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Access, Forbidden, type Permission, type Scope, SystemDirectory } from '#core';
import { loadGrants } from '../caller/effective-grants.js';
import { environmentMatters, mayPassOn, targetOf } from './rights.js';

/** Permissions on a place, given or taken. */
export interface Rights {
  permissions: Iterable<Permission>;
  scope: Scope;
}

const EVERYTHING: Scope = { type: 'all' };

/**
 * Nobody gives, takes or takes over rights that they lack. Asked before the transaction, since it may look systems up:
 * what others change in between could as well have been changed just after.
 */
@Injectable()
export class Escalation {
  constructor(
    private readonly access: Access,
    private readonly directory: SystemDirectory,
    private readonly dataSource: DataSource,
  ) {}

  /** Throws Forbidden unless the caller holds every one of these rights where it is given. */
  async assertCovers(given: Iterable<Rights>): Promise<void> {
    const caller = this.access.caller();
    for (const { permissions, scope } of given) {
      const target = targetOf(scope, environmentMatters(caller) ? await this.environmentOf(scope) : null);
      const missing = [...permissions].filter((permission) => !mayPassOn(caller, permission, target));
      if (missing.length > 0) throw beyond(missing, scope);
    }
  }

  /** The same for permissions on everything. */
  assertCoversEverywhere(permissions: Iterable<Permission>): Promise<void> {
    return this.assertCovers([{ permissions, scope: EVERYTHING }]);
  }

  /** Throws Forbidden when the user holds rights that the caller lacks: a reset of their password would hand them over. */
  async assertCoversUser(userId: string): Promise<void> {
    const grants = await loadGrants(this.dataSource.manager, [userId]);
    await this.assertCovers(grants.get(userId) ?? []);
  }

  private async environmentOf(scope: Scope): Promise<string | null> {
    const { kind, id } = targetOf(scope, null);
    return kind && id ? ((await this.directory.find(kind, id))?.environment ?? null) : null;
  }
}

function beyond(missing: Permission[], scope: Scope): Forbidden {
  const place = scope.type === 'all' ? 'everything' : [scope.type, scope.id, scope.name].filter(Boolean).join(' ');
  return new Forbidden(`This is about rights that you don't hold yourself: ${missing.join(', ')} on ${place}.`, {
    missing,
  });
}
