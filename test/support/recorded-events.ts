import type { EntityManager } from 'typeorm';
import { Events, type NewEvent } from '#core';

/** Keeps what is published, in memory. */
export class RecordedEvents extends Events {
  readonly published: NewEvent[] = [];

  override async publish(_manager: EntityManager, ...events: NewEvent[]): Promise<void> {
    this.published.push(...events);
  }

  override subscribe(): () => void {
    return () => undefined;
  }
}
