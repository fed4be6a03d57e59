import { type Caller, Forbidden, requireCaller } from '#core';

/**
 * The caller, who must have signed in themselves. Throws Forbidden for API tokens: what a token can leak must not become a
 * password, a session or another token.
 */
export function requireSession(): Caller & { sessionId: string } {
  const caller = requireCaller();
  if (caller.sessionId === undefined)
    throw new Forbidden('This needs a session: sign in with a password. API tokens can’t do it.');
  return { ...caller, sessionId: caller.sessionId };
}
