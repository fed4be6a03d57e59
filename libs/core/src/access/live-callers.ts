import type { Caller, EffectiveGrant } from './caller.js';
import type { Permission } from './permissions.js';
import type { Target } from './scope.js';

/** Callers of what outlives a request: streams ask again, while they are open, who their caller is and what they may. */
export abstract class LiveCallers {
  /** The caller with the rights held now, at most five seconds old; null when the session or API token behind them has ended. */
  abstract refresh(caller: Pick<Caller, 'userId' | 'sessionId' | 'tokenId'>): Promise<Caller | null>;

  /** The grant of this caller that allows it, or null. Asks no database. */
  abstract grantFor(caller: Caller, permission: Permission, target: Target): EffectiveGrant | null;
}
