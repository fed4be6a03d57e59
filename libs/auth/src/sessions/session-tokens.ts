import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { requireContext } from '#core';
import { SESSION_IS_LIVE } from '../caller/caller-cache.js';
import { digest, idInToken, newToken, REFRESH_TOKEN } from '../caller/secret-token.js';
import { RefreshToken } from './refresh-token.entity.js';
import { Session } from './session.entity.js';

const SESSION_MS = 30 * 24 * 3_600_000;
/** An answer can get lost: so long after its exchange a refresh token may be presented again. */
const GRACE = `interval '10 seconds'`;

/** A session with the refresh token that goes on with it. */
export interface Continued {
  sessionId: string;
  refreshToken: string;
}

/** Whose session a refresh was about. */
export interface SessionOwner {
  sessionId: string;
  userId: string;
  username: string;
}

/** How a refresh ended: `reused` means that a token came back which somebody had exchanged before, and the session was revoked. */
export type Rotation =
  | ({ outcome: 'rotated'; refreshToken: string; mustChangePassword: boolean } & SessionOwner)
  | ({ outcome: 'reused' } & SessionOwner)
  | { outcome: 'invalid' };

interface SessionRow {
  user_id: string;
  username: string;
  must_change_password: boolean;
}

interface TokenRow {
  is_used: boolean;
  is_recent: boolean;
  successors: number;
  used_successors: number;
}

const LIVE_SESSION = `
  SELECT u.id AS user_id, u.username, u.must_change_password
    FROM sessions s JOIN users u ON u.id = s.user_id
   WHERE s.id = $1 AND ${SESSION_IS_LIVE} AND NOT u.disabled
     FOR UPDATE OF s`;

const TOKEN_WITH_SUCCESSORS = `
  SELECT t.used_at IS NOT NULL AS is_used, coalesce(t.used_at > now() - ${GRACE}, false) AS is_recent,
         (SELECT count(*)::int FROM refresh_tokens c WHERE c.session_id = $2 AND c.parent_hash = t.hash) AS successors,
         (SELECT count(*)::int FROM refresh_tokens c WHERE c.session_id = $2 AND c.parent_hash = t.hash AND c.used_at IS NOT NULL) AS used_successors
    FROM refresh_tokens t WHERE t.hash = $1 AND t.session_id = $2`;

/** Puts a token out of use, and with it its unused siblings: of two answers to the same token only one goes on. */
const USE_UP = `
  UPDATE refresh_tokens SET used_at = now()
   WHERE session_id = $2 AND used_at IS NULL
     AND (hash = $1 OR parent_hash = (SELECT parent_hash FROM refresh_tokens WHERE hash = $1))`;

/** Starts sessions and goes on with them. Refresh tokens of a session are a family: one used twice revokes it. */
@Injectable()
export class SessionTokens {
  constructor(private readonly dataSource: DataSource) {}

  /** A new session of a user who has just proved who they are. */
  async start(manager: EntityManager, userId: string): Promise<Continued> {
    const { address, userAgent } = requireContext();
    const sessionId = randomUUID();
    await manager.insert(Session, {
      id: sessionId,
      userId,
      address,
      userAgent,
      expiresAt: new Date(Date.now() + SESSION_MS),
    });
    return { sessionId, refreshToken: await this.issue(manager, sessionId, null) };
  }

  /** Exchanges a refresh token. The session's row is locked, so that two at once are one after the other, on all replicas. */
  async rotate(token: string): Promise<Rotation> {
    const sessionId = idInToken(REFRESH_TOKEN, token);
    if (sessionId === null) return { outcome: 'invalid' };
    return this.dataSource.transaction(async (manager) => {
      const [session]: SessionRow[] = await manager.query(LIVE_SESSION, [sessionId]);
      const hash = digest(token);
      const [found]: TokenRow[] = session ? await manager.query(TOKEN_WITH_SUCCESSORS, [hash, sessionId]) : [];
      if (!session || !found) return { outcome: 'invalid' };
      const owner: SessionOwner = { sessionId, userId: session.user_id, username: session.username };
      if (found.is_used && !isLostAnswer(found)) {
        await manager.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [sessionId]);
        return { outcome: 'reused', ...owner };
      }
      if (!found.is_used) await manager.query(USE_UP, [hash, sessionId]);
      await manager.query('UPDATE sessions SET last_used_at = now() WHERE id = $1', [sessionId]);
      const refreshToken = await this.issue(manager, sessionId, hash);
      return { outcome: 'rotated', ...owner, refreshToken, mustChangePassword: session.must_change_password };
    });
  }

  private async issue(manager: EntityManager, sessionId: string, parentHash: Buffer | null): Promise<string> {
    const token = newToken(REFRESH_TOKEN, sessionId);
    await manager.insert(RefreshToken, { hash: digest(token), sessionId, parentHash });
    return token;
  }
}

/** Whether a used token may come from somebody who never got its successor: it was exchanged just now, and nobody went on from there. */
function isLostAnswer({ is_recent: isRecent, successors, used_successors: usedSuccessors }: TokenRow): boolean {
  return isRecent && successors > 0 && usedSuccessors === 0;
}
