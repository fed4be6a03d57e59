import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { type Caller, Unauthenticated } from '#core';
import { TokenUses } from '../tokens/token-uses.js';
import { AccessTokens } from './access-tokens.js';
import { CallerCache } from './caller-cache.js';
import { API_TOKEN, digest, idInToken, sameDigest } from './secret-token.js';

/** What passport is given instead of the whole request: it writes properties of its own onto it. */
export interface BearerRequest {
  authorization: string;
  user?: Caller;
}

type Verify = (token: string, done: (error: unknown, caller: Caller | null) => void) => void;

const BEARER = /^Bearer +([\w.~+/-]{1,4096}=*) *$/i;

/** The passport side: takes the token from the header and hands it to `verify`. */
class BearerTokens extends passport.Strategy {
  constructor(private readonly verify: Verify) {
    super();
  }

  // passport puts `success` and `error` on a copy made for each request
  override authenticate(request: unknown): void {
    const token = BEARER.exec((request as BearerRequest).authorization)?.[1];
    if (token === undefined) return this.error(new Unauthenticated());
    this.verify(token, (error, caller) => (caller ? this.success(caller) : this.error(error ?? new Unauthenticated())));
  }
}

/** Finds the caller behind a bearer token: an access token of a session, or an API token. */
@Injectable()
export class BearerStrategy extends PassportStrategy(BearerTokens, 'bearer') {
  constructor(
    private readonly accessTokens: AccessTokens,
    private readonly callers: CallerCache,
    private readonly uses: TokenUses,
  ) {
    super();
  }

  /** The caller as they are now; null when the token is not valid, or no longer. */
  override validate(token: string): Promise<Caller | null> {
    const tokenId = idInToken(API_TOKEN, token);
    return tokenId === null ? this.ofSession(token) : this.ofApiToken(tokenId, token);
  }

  private async ofSession(token: string): Promise<Caller | null> {
    const claims = await this.accessTokens.verify(token);
    const caller = claims && (await this.callers.bySession(claims.sessionId));
    return caller?.userId === claims?.userId ? caller : null;
  }

  private async ofApiToken(tokenId: string, token: string): Promise<Caller | null> {
    const found = await this.callers.byToken(tokenId);
    if (!found || !sameDigest(found.tokenHash, digest(token))) return null;
    this.uses.note(tokenId);
    return found.caller;
  }
}
