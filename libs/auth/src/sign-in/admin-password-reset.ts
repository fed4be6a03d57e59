import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager, IsNull } from 'typeorm';
import { AuditTrail, NotFound } from '#core';
import { anyAdmin } from '../access/last-admin.js';
import { CallerCache } from '../caller/caller-cache.js';
import { endSessions } from '../sessions/sessions.service.js';
import { ApiToken } from '../tokens/api-token.entity.js';
import { User } from '../users/user.entity.js';
import { grantAdmin } from './admin-bootstrap.js';
import { Lockout } from './lockout.js';
import { generatedPassword, Passwords } from './passwords.js';

/** The way back in for whoever holds the console: for a lost password, and for the last administrator who lost the role. */
@Injectable()
export class AdminPasswordReset {
  constructor(
    private readonly dataSource: DataSource,
    private readonly passwords: Passwords,
    private readonly lockout: Lockout,
    private readonly callers: CallerCache,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Gives a user a new password, which must be changed at the next sign-in, and enables them. Sessions and API tokens end, locks
   * are lifted. When nobody is admin on everything, the user becomes it. Throws NotFound for an unknown name.
   */
  async reset(username = 'admin'): Promise<string> {
    const password = generatedPassword();
    const passwordHash = await this.passwords.hash(password);
    const { user, gotAdmin } = await this.dataSource.transaction((manager) =>
      this.apply(manager, username, passwordHash),
    );
    await this.callers.forgetUser(user.id);
    await this.audit.record({
      action: 'user.password_reset',
      outcome: 'succeeded',
      actor: { id: null, name: 'console' },
      resource: { type: 'user', id: user.id, name: user.username },
      detail: gotAdmin ? 'Nobody was admin on everything; the user was made it.' : undefined,
    });
    return password;
  }

  private async apply(
    manager: EntityManager,
    username: string,
    passwordHash: string,
  ): Promise<{ user: User; gotAdmin: boolean }> {
    const user = await manager
      .createQueryBuilder(User, 'u')
      .setLock('pessimistic_write')
      .where('lower(u.username) = :name', { name: username.toLowerCase() })
      .getOne();
    if (!user) throw new NotFound('user', username);
    Object.assign(user, { passwordHash, mustChangePassword: true, disabled: false, version: user.version + 1 });
    await manager.save(user);
    await endSessions(manager, user.id);
    await manager.update(ApiToken, { userId: user.id, revokedAt: IsNull() }, { revokedAt: () => 'now()' });
    await this.lockout.lift(manager, user.id, user.username);
    const gotAdmin = !(await anyAdmin(manager));
    if (gotAdmin) await grantAdmin(manager, user.id);
    return { user, gotAdmin };
  }
}
