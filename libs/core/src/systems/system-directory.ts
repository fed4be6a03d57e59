import { Injectable } from '@nestjs/common';
import type { Permission } from '../access/permissions.js';
import type { Reach } from '../access/access.js';
import type { SystemStatus } from './system-status.js';
import type { SystemKind } from './system-kind.js';

/** What the guard and the audit log need to know of a registered system. */
export interface SystemEntry {
  id: string;
  name: string;
  environment: string | null;
}

/** How often something is there. */
export interface Count<Key extends string = string> {
  key: Key;
  count: number;
}

/** What can be counted of all systems of a kind, as far as a caller sees them. */
export interface SystemCounts {
  /** The right that counting needs; the reach of the others is the caller's with this permission. */
  permission: Permission;
  statuses(reach: Reach): Promise<Count<SystemStatus>[]>;
  /** Systems without an environment are in none of them. */
  environments(reach: Reach): Promise<Count[]>;
  tags(reach: Reach): Promise<Count[]>;
}

/** How a domain answers for its systems. */
export interface SystemSource {
  /** The system with this id, or null. `id` is a UUID already checked. */
  find(id: string): Promise<SystemEntry | null>;
  /** Absent: the kind does not appear in overviews. */
  counts?: SystemCounts;
}

/** Where each domain says how its registered systems are found. */
@Injectable()
export class SystemDirectory {
  private readonly sources = new Map<SystemKind, SystemSource>();

  /** Called once by each domain when it starts. */
  register(kind: SystemKind, source: SystemSource): void {
    if (this.sources.has(kind)) throw new Error(`systems of kind ${kind} are registered twice`);
    this.sources.set(kind, source);
  }

  /** Kinds that can be counted, in the order of their registration. */
  counted(): [kind: SystemKind, counts: SystemCounts][] {
    return [...this.sources].flatMap(([kind, { counts }]) =>
      counts ? [[kind, counts] as [SystemKind, SystemCounts]] : [],
    );
  }

  /** The system with this id; null when it is unknown or no domain of that kind is loaded. */
  async find(kind: SystemKind, id: string): Promise<SystemEntry | null> {
    return (await this.sources.get(kind)?.find(id)) ?? null;
  }
}
