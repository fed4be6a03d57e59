import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, Repository } from 'typeorm';
import { Access, AuditTrail, Conflict, fetchPage, likeText, NotFound, type Page, ValidationFailed } from '#core';
import { Escalation } from '../access/escalation.js';
import { LastAdmin } from '../access/last-admin.js';
import { lockRow } from '../access/versions.js';
import { CallerCache } from '../caller/caller-cache.js';
import { Passwords } from '../sign-in/passwords.js';
import { User } from './user.entity.js';
import { UserView } from './user.view.js';
import type { CreateUserDto, UpdateUserDto, UserListQuery } from './users.dto.js';

const SORTABLE = {
  username: 'u.username',
  displayName: 'u.displayName',
  email: 'u.email',
  createdAt: 'u.createdAt',
  updatedAt: 'u.updatedAt',
  lastSignInAt: 'u.lastSignInAt',
};

/** Users. Who changes one must hold every right that they hold: whoever resets a password can sign in with it. */
@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly dataSource: DataSource,
    private readonly access: Access,
    private readonly escalation: Escalation,
    private readonly lastAdmin: LastAdmin,
    private readonly passwords: Passwords,
    private readonly audit: AuditTrail,
    private readonly callers: CallerCache,
  ) {}

  list(query: UserListQuery): Promise<Page<UserView>> {
    const builder = this.users.createQueryBuilder('u');
    if (query.disabled !== undefined)
      builder.andWhere('u.disabled = :disabled', { disabled: query.disabled === 'true' });
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) =>
          ['u.username', 'u.displayName', 'u.email'].forEach((column) => where.orWhere(`${column} ILIKE :text`, text)),
        ),
      );
    }
    return fetchPage(builder, query, SORTABLE, 'username', (user) => UserView.of(user));
  }

  async get(id: string): Promise<UserView> {
    return UserView.of(await this.find(id));
  }

  async create({ username, password, displayName, email, mustChangePassword }: CreateUserDto): Promise<UserView> {
    refuseNameAsPassword(username, password);
    const id = randomUUID();
    const facts = {
      username,
      displayName: displayName ?? '',
      email: email ?? null,
      mustChangePassword: mustChangePassword ?? false,
    };
    this.audit.describe({ resource: { type: 'user', id, name: username } });
    await this.users.insert({ id, ...facts, passwordHash: await this.passwords.hash(password) });
    this.audit.describe({ after: facts });
    return this.get(id);
  }

  async update(id: string, input: UpdateUserDto, version?: number): Promise<UserView> {
    const { id: userId, username } = await this.changeable(id);
    if (this.isSelf(userId)) refuseOnSelf(input);
    refuseNameAsPassword(input.username ?? username, input.password);
    const passwordHash = input.password === undefined ? undefined : await this.passwords.hash(input.password);
    const change = async (manager: EntityManager): Promise<User> => {
      const user = await lockRow(manager, User, 'user', userId, version);
      const before = facts(user);
      apply(user, input, passwordHash);
      this.audit.describe({ before, after: { ...facts(user), ...(passwordHash ? { passwordReset: true } : {}) } });
      const saved = await manager.save(user);
      if (passwordHash !== undefined || input.disabled) await endSessions(manager, userId);
      return saved;
    };
    const user = await (input.disabled ? this.lastAdmin.keep(change) : this.dataSource.transaction(change));
    await this.callers.forgetUser(userId);
    return UserView.of(user);
  }

  async remove(id: string, version?: number): Promise<void> {
    const { id: userId } = await this.changeable(id);
    if (this.isSelf(userId)) throw new Conflict('You can’t remove yourself.');
    await this.lastAdmin.keep(async (manager) => {
      this.audit.describe({ before: facts(await lockRow(manager, User, 'user', userId, version)) });
      await manager.delete(User, { id: userId });
    });
    await this.callers.forgetUser(userId);
  }

  private async changeable(id: string): Promise<User> {
    const user = await this.find(id);
    this.audit.describe({ resource: { type: 'user', id: user.id, name: user.username } });
    await this.escalation.assertCoversUser(user.id);
    return user;
  }

  private isSelf(userId: string): boolean {
    return this.access.caller().userId === userId;
  }

  private async find(id: string): Promise<User> {
    const user = await this.users.findOneBy({ id });
    if (!user) throw new NotFound('user', id);
    return user;
  }
}

function refuseNameAsPassword(username: string, password: string | undefined): void {
  if (password?.toLowerCase() === username.toLowerCase())
    throw ValidationFailed.at('/password', 'must not be the user name');
}

/** A stolen session or a narrow API token must not turn into the password of its owner. */
function refuseOnSelf(input: UpdateUserDto): void {
  if (input.password !== undefined)
    throw new Conflict('Your own password is changed with POST /api/me/password, which asks for the current one.');
  if (input.disabled) throw new Conflict('You can’t disable yourself.');
}

function apply(user: User, input: UpdateUserDto, passwordHash: string | undefined): void {
  if (input.username !== undefined) user.username = input.username;
  if (input.displayName !== undefined) user.displayName = input.displayName ?? '';
  if (input.email !== undefined) user.email = input.email;
  if (input.disabled !== undefined) user.disabled = input.disabled;
  if (input.mustChangePassword !== undefined) user.mustChangePassword = input.mustChangePassword;
  if (passwordHash !== undefined) user.passwordHash = passwordHash;
  user.version++;
}

async function endSessions(manager: EntityManager, userId: string): Promise<void> {
  await manager.query('UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL', [userId]);
}

function facts({ username, displayName, email, disabled, mustChangePassword }: User): object {
  return { username, displayName, email, disabled, mustChangePassword };
}
