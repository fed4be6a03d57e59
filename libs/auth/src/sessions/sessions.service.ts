import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, type EntityManager, IsNull, Not, Repository } from 'typeorm';
import { AuditTrail, fetchPage, likeText, NotFound, type Page } from '#core';
import { CallerCache, SESSION_IS_LIVE } from '../caller/caller-cache.js';
import { requireSession } from '../caller/own-session.js';
import { Session } from './session.entity.js';
import { SessionView } from './session.view.js';
import type { SessionListQuery } from './sessions.dto.js';

const SORTABLE = { createdAt: 's.createdAt', lastUsedAt: 's.lastUsedAt', expiresAt: 's.expiresAt' };

/** The sessions of the caller. */
@Injectable()
export class SessionsService {
  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    private readonly callers: CallerCache,
    private readonly audit: AuditTrail,
  ) {}

  /** Those that are live. */
  list(query: SessionListQuery): Promise<Page<SessionView>> {
    const { userId, sessionId } = requireSession();
    const builder = this.sessions
      .createQueryBuilder('s')
      .where('s.userId = :userId', { userId })
      .andWhere(SESSION_IS_LIVE);
    if (query.q) {
      const text = { text: likeText(query.q) };
      builder.andWhere(
        new Brackets((where) => where.where('s.address ILIKE :text', text).orWhere('s.userAgent ILIKE :text', text)),
      );
    }
    return fetchPage(builder, query, SORTABLE, '-createdAt', (session) => SessionView.of(session, sessionId));
  }

  /** Throws NotFound for sessions of others, and for those that have ended. */
  async end(id: string): Promise<void> {
    const { userId } = requireSession();
    this.audit.describe({ resource: { type: 'session', id } });
    const ended = await this.sessions.update({ id, userId, revokedAt: IsNull() }, { revokedAt: () => 'now()' });
    if (!ended.affected) throw new NotFound('session', id);
    await this.callers.forgetUser(userId);
  }

  /** Ends all sessions of the caller, with or without the one that asks. */
  async endAll(exceptCurrent: boolean): Promise<void> {
    const { userId, sessionId, username } = requireSession();
    this.audit.describe({ resource: { type: 'user', id: userId, name: username } });
    await endSessions(this.sessions.manager, userId, exceptCurrent ? sessionId : undefined);
    await this.callers.forgetUser(userId);
  }
}

/** Ends the sessions of a user. Forget the user's callers after the commit. */
export async function endSessions(manager: EntityManager, userId: string, exceptId?: string): Promise<void> {
  const others = exceptId === undefined ? {} : { id: Not(exceptId) };
  await manager.update(Session, { userId, revokedAt: IsNull(), ...others }, { revokedAt: () => 'now()' });
}
