import { ScopeView } from '../grants/grant.view.js';
import type { ApiToken } from './api-token.entity.js';

/** An API token as the API shows it: without the token. */
export class TokenView {
  id!: string;
  /** @example "nightly-report" */
  name!: string;
  /** @example ["servers:read"] */
  permissions!: string[];
  scope!: ScopeView;
  createdAt!: string;
  expiresAt!: string;
  /** Whether it has expired. */
  expired!: boolean;
  /** To the minute; null when it was never used. */
  lastUsedAt!: string | null;
  lastUsedAddress!: string | null;

  static of(token: ApiToken): TokenView {
    return Object.assign(new TokenView(), {
      id: token.id,
      name: token.name,
      permissions: token.permissions,
      scope: ScopeView.of({ type: token.scopeType, id: token.scopeId, name: token.scopeName }),
      createdAt: token.createdAt.toISOString(),
      expiresAt: token.expiresAt.toISOString(),
      expired: token.expiresAt.getTime() <= Date.now(),
      lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
      lastUsedAddress: token.lastUsedAddress,
    });
  }
}

/** A new API token, with the token itself. */
export class NewTokenView extends TokenView {
  /**
   * Send it as `Authorization: Bearer …`. It is shown this once.
   * @example "einfra_3f0c7c1e8f6b4d7a9a510f7d2f6f8f11_Q2hhbmdlIG1lIGZvciBhIHJlYWwgb25lLCBwbGVhc2U"
   */
  token!: string;
}
