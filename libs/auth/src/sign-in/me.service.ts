import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { requireCaller, Unauthenticated } from '#core';
import { User } from '../users/user.entity.js';
import { MeView } from './me.view.js';

/** What the caller may know of themselves. */
@Injectable()
export class MeService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** Who calls and what they may do. */
  async me(): Promise<MeView> {
    const caller = requireCaller();
    const user = await this.users.findOneBy({ id: caller.userId });
    // removed since the caller was authenticated
    if (!user) throw new Unauthenticated();
    return MeView.of(user, caller);
  }
}
