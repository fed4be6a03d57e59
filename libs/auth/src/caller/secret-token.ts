import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET_BYTES = 32;
const FORM = /^([a-z]+)_([0-9a-f]{32})_[A-Za-z0-9_-]{43}$/;

/** What a token of ours is for; its first letters. */
export type TokenPrefix = 'einfra' | 'er';

/** API tokens start with it, so that secret scanners find them; refresh tokens have another. */
export const API_TOKEN: TokenPrefix = 'einfra';
export const REFRESH_TOKEN: TokenPrefix = 'er';

/** A new token: 32 random bytes behind the id of the row that it belongs to. Only its `digest` is stored. */
export function newToken(prefix: TokenPrefix, id: string): string {
  return `${prefix}_${id.replaceAll('-', '')}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/** The id in a token of this kind, or null when it is none. Says nothing about whether the token is genuine. */
export function idInToken(prefix: TokenPrefix, token: string): string | null {
  const [, found, hex] = FORM.exec(token) ?? [];
  if (found !== prefix || hex === undefined) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** SHA-256 of a token: with 256 random bits in it, a slow hash would add nothing. */
export function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Compares digests in constant time. */
export function sameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
