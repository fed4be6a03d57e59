import { Injectable } from '@nestjs/common';
import type { Caller, EffectiveGrant } from '../access/caller.js';
import { LiveCallers } from '../access/live-callers.js';
import { PERMISSIONS } from '../access/permissions.js';
import type { Target } from '../access/scope.js';
import { NotFound } from '../errors/errors.js';
import { uuidOrNotFound } from '../http/params.js';
import { SystemDirectory, type SystemEntry } from '../systems/system-directory.js';
import type { MatchedRoute } from './gateway-routes.js';
import type { TicketHolder } from './stream-tickets.js';

/** The system that a stream is about, and what must be allowed there. */
export interface StreamTarget {
  target: Target;
  system: SystemEntry;
}

/** Whether somebody may have a stream: asked for the ticket, at the upgrade, and again while it is open. */
@Injectable()
export class StreamRights {
  constructor(
    private readonly directory: SystemDirectory,
    private readonly callers: LiveCallers,
  ) {}

  /** What the path is about, as it is now. Throws NotFound when the system is gone. */
  async targetOf({ route, params }: MatchedRoute): Promise<StreamTarget> {
    const kind = PERMISSIONS[route.permission].kind;
    if (!kind) throw new Error(`${route.permission} is about no kind of system, so a stream can't need it`);
    const id = uuidOrNotFound(kind, params[route.scopeParam]);
    const system = await this.directory.find(kind, id);
    if (!system) throw new NotFound(kind, id);
    const part = route.partParam === undefined ? undefined : params[route.partParam];
    return { target: { kind, id, environment: system.environment, part }, system };
  }

  /** The caller with the grant that allows it now; null when it is no longer allowed. */
  async current(
    holder: TicketHolder,
    match: MatchedRoute,
  ): Promise<{ caller: Caller; grant: EffectiveGrant; system: SystemEntry } | null> {
    const caller = await this.callers.refresh(holder);
    if (!caller) return null;
    const found = await this.targetOf(match).catch((error: unknown) => {
      if (error instanceof NotFound) return null;
      throw error;
    });
    const grant = found && this.callers.grantFor(caller, match.route.permission, found.target);
    return found && grant ? { caller, grant, system: found.system } : null;
  }

  /** The caller of a ticket, whatever they may; null when they are signed out. */
  caller(holder: TicketHolder): Promise<Caller | null> {
    return this.callers.refresh(holder);
  }
}
