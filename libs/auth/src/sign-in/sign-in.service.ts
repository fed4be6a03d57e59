import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditTrail, Conflict, requireCaller, requireContext, Unauthenticated, ValidationFailed } from '#core';
import { ACCESS_TOKEN_SECONDS, AccessTokens } from '../caller/access-tokens.js';
import { CallerCache } from '../caller/caller-cache.js';
import { requireSession } from '../caller/own-session.js';
import { type Continued, SessionTokens } from '../sessions/session-tokens.js';
import { endSessions, SessionsService } from '../sessions/sessions.service.js';
import type { User } from '../users/user.entity.js';
import { Credentials } from './credentials.js';
import { Lockout } from './lockout.js';
import { Passwords } from './passwords.js';
import type { ChangePasswordDto, LoginDto } from './sign-in.dto.js';
import { TokensView } from './sign-in.view.js';

/** Signs people in and out. */
@Injectable()
export class SignInService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly credentials: Credentials,
    private readonly passwords: Passwords,
    private readonly lockout: Lockout,
    private readonly sessionTokens: SessionTokens,
    private readonly sessions: SessionsService,
    private readonly accessTokens: AccessTokens,
    private readonly callers: CallerCache,
    private readonly audit: AuditTrail,
  ) {}

  /** Throws Unauthenticated, and never says what was wrong; RateLimited while the name or address is locked. */
  async login({ username, password }: LoginDto): Promise<TokensView> {
    requireContext().secrets.add(password);
    this.audit.describe({ resource: { type: 'user', name: username } });
    const user = await this.credentials.check(username, password);
    const continued = user && (await this.startSession(user));
    if (!user || !continued) throw new Unauthenticated('User name or password is wrong.');
    return this.signedIn({
      ...continued,
      userId: user.id,
      username: user.username,
      mustChangePassword: user.mustChangePassword,
    });
  }

  /** Throws Unauthenticated; a token that was used before also ends its session. */
  async refresh(refreshToken: string): Promise<TokensView> {
    requireContext().secrets.add(refreshToken);
    const rotation = await this.sessionTokens.rotate(refreshToken);
    if (rotation.outcome === 'rotated') return this.signedIn(rotation);
    if (rotation.outcome === 'reused') {
      const { userId, username, sessionId } = rotation;
      await this.callers.forgetUser(userId);
      await this.audit.record({
        action: 'session.refresh_reuse',
        outcome: 'refused',
        actor: { id: userId, name: username },
        resource: { type: 'session', id: sessionId, name: username },
        status: 401,
        detail: 'A refresh token was used twice; its session was ended.',
      });
    }
    throw new Unauthenticated('The refresh token is not valid any more. Sign in again.');
  }

  /** Ends the session that asks. */
  async logout(): Promise<void> {
    const { sessionId } = requireCaller();
    if (sessionId === undefined)
      throw new Conflict('An API token has no session to end. Revoke it with DELETE /api/tokens/:id.');
    await this.sessions.end(sessionId);
  }

  /** Other sessions of the caller end; API tokens stay. Wrong current passwords count towards the lock-out. */
  async changePassword({ currentPassword, newPassword }: ChangePasswordDto): Promise<void> {
    const { userId, username, sessionId } = requireSession();
    const { secrets, address } = requireContext();
    secrets.add(currentPassword).add(newPassword);
    this.audit.describe({ resource: { type: 'user', id: userId, name: username } });
    if (newPassword.toLowerCase() === username.toLowerCase())
      throw ValidationFailed.at('/newPassword', 'must not be the user name');
    if (newPassword === currentPassword) throw ValidationFailed.at('/newPassword', 'must not be the current password');
    const user = await this.credentials.check(username, currentPassword);
    if (user?.id !== userId) throw ValidationFailed.at('/currentPassword', 'is not your current password');
    const newHash = await this.passwords.hash(newPassword);
    await this.dataSource.transaction(async (manager) => {
      const [changed]: [unknown[], number] = await manager.query(
        `UPDATE users SET password_hash = $3, must_change_password = false, version = version + 1, updated_at = now()
          WHERE id = $1 AND password_hash = $2 AND NOT disabled RETURNING id`,
        [userId, user.passwordHash, newHash],
      );
      if (changed.length === 0) throw new Conflict('The user was changed at the same time. Try again.');
      await endSessions(manager, userId, sessionId);
      await this.lockout.succeeded(manager, userId, { username, address });
    });
    await this.callers.forgetUser(userId);
  }

  /** Null when the user was disabled, or their password changed, while it was being verified. */
  private startSession({ id, username, passwordHash }: User): Promise<Continued | null> {
    return this.dataSource.transaction(async (manager) => {
      const [unchanged]: [unknown[], number] = await manager.query(
        'UPDATE users SET last_sign_in_at = now() WHERE id = $1 AND password_hash = $2 AND NOT disabled RETURNING id',
        [id, passwordHash],
      );
      if (unchanged.length === 0) return null;
      await this.lockout.succeeded(manager, id, { username, address: requireContext().address });
      return this.sessionTokens.start(manager, id);
    });
  }

  /** The answer; from here on the request is the caller's, which the audit log says. */
  private async signedIn(
    signIn: Continued & { userId: string; username: string; mustChangePassword: boolean },
  ): Promise<TokensView> {
    const { sessionId, refreshToken, userId, username, mustChangePassword } = signIn;
    const context = requireContext();
    const token = this.accessTokens.issue({ userId, sessionId });
    context.secrets.add(refreshToken).add(token);
    context.caller = (await this.callers.bySession(sessionId)) ?? undefined;
    this.audit.describe({ resource: { type: 'session', id: sessionId, name: username } });
    return Object.assign(new TokensView(), {
      token,
      refreshToken,
      expiresIn: ACCESS_TOKEN_SECONDS,
      mustChangePassword,
    });
  }
}
