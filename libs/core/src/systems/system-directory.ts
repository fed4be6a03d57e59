import { Injectable } from '@nestjs/common';
import type { SystemKind } from './system-kind.js';

/** What the guard and the audit log need to know of a registered system. */
export interface SystemEntry {
  id: string;
  name: string;
  environment: string | null;
}

/** How a domain answers for its systems. */
export interface SystemSource {
  /** The system with this id, or null. `id` is a UUID already checked. */
  find(id: string): Promise<SystemEntry | null>;
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

  /** The system with this id; null when it is unknown or no domain of that kind is loaded. */
  async find(kind: SystemKind, id: string): Promise<SystemEntry | null> {
    return (await this.sources.get(kind)?.find(id)) ?? null;
  }
}
