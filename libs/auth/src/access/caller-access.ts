import { Injectable } from '@nestjs/common';
import {
  Access,
  type Caller,
  type EffectiveGrant,
  Forbidden,
  NotFound,
  type Permission,
  type Reach,
  requireCaller,
  requireContext,
  type Target,
} from '#core';
import { grantFor, reachOf, sees } from './rights.js';

/** Answers from the grants that authentication read. Knowing who calls is not asking what they may. */
@Injectable()
export class CallerAccess extends Access {
  override caller(): Caller {
    return requireCaller();
  }

  override grantFor(permission: Permission, target: Target): EffectiveGrant | null {
    return grantFor(this.asking(), permission, target);
  }

  override require(permission: Permission, target: Target, what?: { kind: string; id?: string }): void {
    const caller = this.asking();
    const grant = grantFor(caller, permission, target);
    if (grant) {
      requireContext().grant ??= grant;
      return;
    }
    // without an id nothing is named that could be there or not: something is to be made, or it is EINFRA itself
    const hidden = target.id !== undefined && !sees(caller, permission, target);
    if (hidden) throw new NotFound(what?.kind ?? target.kind ?? 'resource', what ? what.id : target.id);
    throw new Forbidden(`This needs the permission ${permission}.`, { permission });
  }

  override reach(permission: Permission): Reach {
    return reachOf(this.asking(), permission);
  }

  private asking(): Caller {
    const caller = requireCaller();
    requireContext().accessAsked = true;
    return caller;
  }
}
