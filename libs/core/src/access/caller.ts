import type { Permission } from './permissions.js';
import type { Scope } from './scope.js';

/** A role that the caller holds somewhere, directly or through a team. */
export interface EffectiveGrant {
  grantId: string;
  role: string;
  permissions: ReadonlySet<Permission>;
  scope: Scope;
}

/** What an API token leaves of its owner's rights. */
export interface TokenLimit {
  permissions: ReadonlySet<Permission>;
  scope: Scope;
}

/** Who makes the request, with the rights held now. Never older than five seconds. */
export interface Caller {
  userId: string;
  username: string;
  /** The session of an access token; absent for API tokens. */
  sessionId?: string;
  /** The API token that was used; absent for sessions. */
  tokenId?: string;
  mustChangePassword: boolean;
  grants: readonly EffectiveGrant[];
  limit?: TokenLimit;
}
