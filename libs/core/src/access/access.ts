import type { Caller, EffectiveGrant } from './caller.js';
import type { Permission } from './permissions.js';
import type { Target } from './scope.js';

/** Which rows of a list a caller may see. A row is seen when any member admits it. */
export interface Reach {
  all: boolean;
  environments: readonly string[];
  /** Ids of systems granted one by one. */
  ids: readonly string[];
  /** Ids of systems of which only a part (namespace, project) is granted: id, name and status may be seen, no more. */
  partIds: readonly string[];
  /**
   * Systems that are seen only while they are in an environment: a grant on one side and the limit of an API token on the
   * other. `part` as in `partIds`. Who overlooks it shows too little, never too much.
   */
  inEnvironment?: readonly { id: string; environment: string; part: boolean }[];
}

/**
 * May this caller …? Asked by the guard for routes whose scope is a path parameter, and by services for the others.
 * The caller is the one of the current request.
 */
export abstract class Access {
  /** The signed-in caller of this request. Throws Unauthenticated when there is none. */
  abstract caller(): Caller;

  /** The grant that allows it, or null. */
  abstract grantFor(permission: Permission, target: Target): EffectiveGrant | null;

  /**
   * Throws NotFound (naming `what`) when the caller can't see the target, Forbidden when they see it but lack the right.
   * `what` defaults to the kind of the target.
   */
  abstract require(permission: Permission, target: Target, what?: { kind: string; id?: string }): void;

  /** Which rows of a list of systems the caller sees with this permission. */
  abstract reach(permission: Permission): Reach;
}
