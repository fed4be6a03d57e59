import { randomUUID } from 'node:crypto';
import { API_TOKEN, digest, idInToken, newToken, REFRESH_TOKEN, sameDigest } from './secret-token.js';

describe('secret tokens', () => {
  it('carry the id of their row and a secret of their own', () => {
    const id = randomUUID();
    const [one, other] = [newToken(API_TOKEN, id), newToken(API_TOKEN, id)];
    expect(idInToken(API_TOKEN, one)).toBe(id);
    expect(one).not.toBe(other);
    expect(sameDigest(digest(one), digest(one))).toBe(true);
    expect(sameDigest(digest(one), digest(other))).toBe(false);
    expect(sameDigest(digest(one), digest(one).subarray(1))).toBe(false);
  });

  it('are of one kind only', () => {
    const token = newToken(REFRESH_TOKEN, randomUUID());
    expect(idInToken(API_TOKEN, token)).toBeNull();
    const malformed = [
      '',
      'er_',
      `x${token}`,
      `${token}x`,
      token.slice(1),
      token.toUpperCase(),
      `${token}\n`,
      token.replace('er_', '__proto___'),
    ];
    for (const text of malformed) expect([text, idInToken(REFRESH_TOKEN, text)]).toEqual([text, null]);
  });
});
