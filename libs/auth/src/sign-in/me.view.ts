import type { Caller, EffectiveGrant } from '#core';
import { ScopeView } from '../grants/grant.view.js';
import type { User } from '../users/user.entity.js';

/** With what the request was signed in. */
export class SignedInWithView {
  /** `session` or `token`. */
  type!: 'session' | 'token';
  /** Id of the session or API token. */
  id!: string;
}

/** Permissions that you hold somewhere. */
export class HeldRightsView {
  /**
   * Name of the role that gives them.
   * @example "operator"
   */
  role!: string;
  scope!: ScopeView;
  /** What the role gives there; with an API token, what the token leaves of it. */
  permissions!: string[];
}

/** Who you are and what you may do. */
export class MeView {
  id!: string;
  /** @example "jana" */
  username!: string;
  displayName!: string;
  email!: string | null;
  /** True when nothing is possible before `POST /api/me/password`. */
  mustChangePassword!: boolean;
  lastSignInAt!: string | null;
  createdAt!: string;
  signedInWith!: SignedInWithView;
  rights!: HeldRightsView[];
  /** Where the API token counts, which narrows all rights; null with a session. */
  tokenScope!: ScopeView | null;

  static of(user: User, caller: Caller): MeView {
    const { id, username, displayName, email, mustChangePassword } = user;
    const signedInWith: SignedInWithView =
      caller.tokenId === undefined
        ? { type: 'session', id: caller.sessionId ?? '' }
        : { type: 'token', id: caller.tokenId };
    return Object.assign(new MeView(), {
      id,
      username,
      displayName,
      email,
      mustChangePassword,
      lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
      createdAt: user.createdAt.toISOString(),
      signedInWith,
      rights: caller.grants.map((grant) => rightsOf(grant, caller)).filter(({ permissions }) => permissions.length > 0),
      tokenScope: caller.limit ? ScopeView.of(caller.limit.scope) : null,
    });
  }
}

function rightsOf({ role, scope, permissions }: EffectiveGrant, { limit }: Caller): HeldRightsView {
  const left = [...permissions].filter((permission) => !limit || limit.permissions.has(permission));
  return { role, scope: ScopeView.of(scope), permissions: left };
}
