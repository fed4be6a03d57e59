import { ApiProperty } from '@nestjs/swagger';
import { SYSTEM_KINDS, type SystemKind } from '../systems/system-kind.js';
import type { StoredEvent } from './events.js';

/** What an event is about. */
export class EventResourceView {
  /** @example "server" */
  type!: string;
  id!: string | null;
  /** @example "web-01" */
  name!: string | null;
}

/** The registered system that an event happened in. */
export class EventSystemView {
  @ApiProperty({ enum: SYSTEM_KINDS })
  kind!: SystemKind;
  id!: string;
}

/** Something that happened, as followers and webhooks get it. */
export class EventView {
  /** Unique; the same event may be sent again. */
  id!: number;
  /** @example "server.status.changed" */
  type!: string;
  at!: string;
  environment!: string | null;
  /** Null when it happened in EINFRA itself. */
  system!: EventSystemView | null;
  resource!: EventResourceView;
  /** What else there is to say, by type. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  data!: object;

  static of({ id, type, at, target, resource, data }: StoredEvent): EventView {
    return Object.assign(new EventView(), {
      id,
      type,
      at: at.toISOString(),
      environment: target.environment ?? null,
      system: target.kind && target.id ? { kind: target.kind, id: target.id } : null,
      resource,
      data,
    });
  }
}
