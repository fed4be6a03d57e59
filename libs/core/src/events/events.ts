import type { EntityManager } from 'typeorm';
import type { Permission } from '../access/permissions.js';
import type { Target } from '../access/scope.js';

/** Something that happened, in the past tense: `server.created`. */
export interface NewEvent {
  /** Words of small letters joined by dots, from the general to the special. */
  type: string;
  /** Where it happened: with `permission`, who may see it. */
  target: Target;
  permission: Permission;
  resource: { type: string; id: string | null; name: string | null };
  /** What else there is to say. Everybody who may see the event sees it: no secrets. */
  data: object;
}

/** An event as it is kept, for seven days. */
export interface StoredEvent extends NewEvent {
  /** Unique, and roughly in the order of what happened: transactions commit in another order than they begin. */
  id: number;
  at: Date;
  /** The process that it happened in. */
  instanceId: string;
  /** Where a reader who has seen this event, and all that was heard before it, goes on. */
  cursor: string;
}

/** What happened in EINFRA: rows written with their cause, heard by every process. */
export abstract class Events {
  /** Writes events in the transaction that causes them. They are heard when it has committed, or never. */
  abstract publish(manager: EntityManager, ...events: NewEvent[]): Promise<void>;

  /**
   * Calls `listener` for every event of any process from now on, once each. `types` may end in `.*`. Answers how to stop.
   * The listener must not throw, and does what takes long on its own time.
   */
  abstract subscribe(listener: (event: StoredEvent) => void, filter?: { types?: readonly string[] }): () => void;
}

/** A type of event, or all below a word: `server.*`, `*`. */
export const EVENT_PATTERN = /^(\*|[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)*(\.\*)?)$/;

/** Whether a type is one of those that the patterns name; without patterns every type is. */
export function matchesType(type: string, patterns: readonly string[] | undefined): boolean {
  if (!patterns) return true;
  return patterns.some((pattern) =>
    pattern === '*' ? true : pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
  );
}
