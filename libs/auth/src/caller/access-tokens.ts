import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import { isUuid, KeyStore, type StoredKey } from '#core';

/** Seconds that an access token is valid. */
export const ACCESS_TOKEN_SECONDS = 900;

const ISSUER = 'einfra';
const AUDIENCE = 'einfra-api';
const MAX_VERIFIED = 20_000;
/** Unknown keys are looked up at most this often, or anybody could keep the database busy with invented ones. */
const RELOAD_MS = 5_000;

/** What a genuine access token says. */
export interface AccessClaims {
  userId: string;
  sessionId: string;
}

interface Verified extends AccessClaims {
  keyId: string;
  expiresAt: number;
}

/** Access tokens: JWTs signed HS256 with the newest key. They name user and session and hold no rights. */
@Injectable()
export class AccessTokens {
  /** By the token's SHA-256: a signature that was right once stays right until the token expires. */
  private readonly verified = new LRUCache<string, Verified>({ max: MAX_VERIFIED });
  private reloading: Promise<void> | null = null;
  private reloadedAt = -Infinity;

  constructor(
    private readonly jwt: JwtService,
    private readonly keys: KeyStore,
  ) {}

  /** A new token for a session. */
  issue({ userId, sessionId }: AccessClaims): string {
    const { id, key } = this.keys.current('jwt');
    return this.jwt.sign(
      { typ: 'access', sid: sessionId },
      {
        privateKey: key,
        keyid: id,
        algorithm: 'HS256',
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: userId,
        expiresIn: ACCESS_TOKEN_SECONDS,
      },
    );
  }

  /** What a token says when it is ours, of this kind and not expired; else null. Whether its session lives is another question. */
  async verify(token: string): Promise<AccessClaims | null> {
    const digest = hash('sha256', token, 'base64');
    const known = this.verified.get(digest);
    if (known) return known.expiresAt > Date.now() && this.keys.byId(known.keyId, 'jwt') ? known : null;
    const key = await this.keyOf(token);
    const verified = key && this.check(token, key);
    if (verified) this.verified.set(digest, verified);
    return verified;
  }

  private check(token: string, { id, key }: StoredKey): Verified | null {
    const claims = this.signedClaims(token, key);
    if (!claims) return null;
    const { sub, sid, typ, exp } = claims;
    if (typ !== 'access' || !isUuid(sub) || !isUuid(sid) || typeof exp !== 'number') return null;
    return { userId: sub, sessionId: sid, keyId: id, expiresAt: exp * 1000 };
  }

  private signedClaims(token: string, key: StoredKey['key']): Record<string, unknown> | null {
    try {
      // the type of `publicKey` doesn't know KeyObject, which is by far the fastest form of a key
      const publicKey = key as unknown as Buffer;
      return this.jwt.verify<Record<string, unknown>>(token, {
        publicKey,
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        maxAge: ACCESS_TOKEN_SECONDS,
      });
    } catch {
      return null;
    }
  }

  /** The key that the header names. One that is unknown may be another replica's newest. */
  private async keyOf(token: string): Promise<StoredKey | null> {
    const id = keyIdOf(token);
    if (id === null) return null;
    const known = this.keys.byId(id, 'jwt');
    if (known) return known;
    await this.reloadSometimes();
    return this.keys.byId(id, 'jwt');
  }

  private reloadSometimes(): Promise<void> {
    if (this.reloading) return this.reloading;
    if (performance.now() - this.reloadedAt < RELOAD_MS) return Promise.resolve();
    this.reloadedAt = performance.now();
    this.reloading = this.keys.reload().finally(() => (this.reloading = null));
    return this.reloading;
  }
}

function keyIdOf(token: string): string | null {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString()) as {
      kid?: unknown;
    } | null;
    return typeof header?.kid === 'string' ? header.kid : null;
  } catch {
    return null;
  }
}
