import { Injectable } from '@nestjs/common';
import { type Caller, type EffectiveGrant, LiveCallers, type Permission, type Target } from '#core';
import { CallerCache } from '../caller/caller-cache.js';
import { grantFor } from './rights.js';

/** Answers from the same snapshots that requests are judged by. */
@Injectable()
export class CurrentCallers extends LiveCallers {
  constructor(private readonly callers: CallerCache) {
    super();
  }

  override async refresh({
    userId,
    sessionId,
    tokenId,
  }: Pick<Caller, 'userId' | 'sessionId' | 'tokenId'>): Promise<Caller | null> {
    const caller =
      tokenId === undefined
        ? sessionId === undefined
          ? null
          : await this.callers.bySession(sessionId)
        : ((await this.callers.byToken(tokenId))?.caller ?? null);
    return caller?.userId === userId && !caller.mustChangePassword ? caller : null;
  }

  override grantFor(caller: Caller, permission: Permission, target: Target): EffectiveGrant | null {
    return grantFor(caller, permission, target);
  }
}
