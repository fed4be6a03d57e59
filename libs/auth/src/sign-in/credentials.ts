import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { requireContext } from '#core';
import { User } from '../users/user.entity.js';
import { type Attempt, Lockout } from './lockout.js';
import { Passwords } from './passwords.js';

/** Checks user names with their passwords, behind the lock-out. */
@Injectable()
export class Credentials {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly passwords: Passwords,
    private readonly lockout: Lockout,
  ) {}

  /**
   * The user with this password, or null: unknown, disabled and wrong look the same and take the same time. Failures are
   * counted; throws RateLimited while the name or the address is locked.
   */
  check(username: string, password: string): Promise<User | null> {
    const attempt: Attempt = { username, address: requireContext().address };
    // the locks are looked at when it is one's turn, or many attempts at once would all find them open
    return this.passwords.inTurn(async () => {
      await this.lockout.assertOpen(attempt);
      const user = await this.find(username);
      const matches = await this.passwords.matches(user?.passwordHash ?? null, password);
      if (user && matches && !user.disabled) return user;
      await this.lockout.failed(attempt);
      return null;
    });
  }

  private find(username: string): Promise<User | null> {
    return this.users
      .createQueryBuilder('u')
      .where('lower(u.username) = :name', { name: username.toLowerCase() })
      .getOne();
  }
}
