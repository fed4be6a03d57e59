import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { APP_CONFIG, type AppConfig } from '#core';
import { Grant } from '../grants/grant.entity.js';
import { ADMIN_ROLE_ID } from '../roles/role.entity.js';
import { User } from '../users/user.entity.js';
import { generatedPassword, Passwords } from './passwords.js';

/** Serialises the first start of several processes. */
const FIRST_USER_LOCK = 7_341_003;
const ADMIN = 'admin';

/** Makes the first user when there are none: `admin`, who holds the role admin on everything. */
@Injectable()
export class AdminBootstrap implements OnApplicationBootstrap {
  /** The password that was made up because ADMIN_PASSWORD was not set; null when this process made no user. */
  generatedPassword: string | null = null;

  constructor(
    @Inject(APP_CONFIG) private readonly config: AppConfig,
    private readonly dataSource: DataSource,
    private readonly passwords: Passwords,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (await this.dataSource.manager.exists(User)) return;
    const given = this.config.adminPassword;
    const password = given ?? generatedPassword();
    const passwordHash = await this.passwords.hash(password);
    const made = await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [FIRST_USER_LOCK]);
      if (await manager.exists(User)) return false;
      await makeAdmin(manager, passwordHash, given === null);
      return true;
    });
    if (made && given === null) this.generatedPassword = password;
  }
}

async function makeAdmin(manager: EntityManager, passwordHash: string, mustChangePassword: boolean): Promise<void> {
  const id = randomUUID();
  await manager.insert(User, { id, username: ADMIN, displayName: 'Administrator', passwordHash, mustChangePassword });
  await grantAdmin(manager, id);
}

/** Grants the role admin on everything, with nobody as the one who granted it. */
export async function grantAdmin(manager: EntityManager, userId: string): Promise<void> {
  const everything = { scopeType: 'all', scopeId: null, scopeName: null } as const;
  await manager.insert(Grant, {
    id: randomUUID(),
    userId,
    teamId: null,
    roleId: ADMIN_ROLE_ID,
    createdBy: null,
    ...everything,
  });
}
