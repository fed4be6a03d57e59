import { ApiProperty } from '@nestjs/swagger';
import { DELIVERY_STATES, type DeliveryState } from './delivery-state.js';

/** A row of the table `webhook_deliveries`. */
export interface DeliveryRow {
  id: string;
  webhook_id: string;
  event_id: string | null;
  event_type: string;
  replay_of: string | null;
  state: DeliveryState;
  attempts: number;
  next_at: Date | null;
  status: number | null;
  problem: string | null;
  duration_ms: number | null;
  created_at: Date;
  attempted_at: Date | null;
}

/** An event on its way to a webhook, and how that went. */
export class DeliveryView {
  /** Sent as `X-Einfra-Delivery`, the same with each try. */
  id!: string;
  /** Null for tests. */
  eventId!: number | null;
  /** @example "server.created" */
  eventType!: string;
  /** The delivery that this one repeats. */
  replayOf!: string | null;
  @ApiProperty({ enum: DELIVERY_STATES })
  state!: DeliveryState;
  /** How often it was tried. */
  attempts!: number;
  /** When it is tried next; null when it is over. */
  nextAt!: string | null;
  /** HTTP status of the last answer; null when there was none. */
  status!: number | null;
  /** What was wrong the last time; null when nothing was. */
  problem!: string | null;
  /** How long the last answer took. */
  durationMs!: number | null;
  createdAt!: string;
  attemptedAt!: string | null;

  static of(row: DeliveryRow): DeliveryView {
    return Object.assign(new DeliveryView(), {
      id: row.id,
      eventId: row.event_id === null ? null : Number(row.event_id),
      eventType: row.event_type,
      replayOf: row.replay_of,
      state: row.state,
      attempts: row.attempts,
      nextAt: row.next_at?.toISOString() ?? null,
      status: row.status,
      problem: row.problem,
      durationMs: row.duration_ms,
      createdAt: row.created_at.toISOString(),
      attemptedAt: row.attempted_at?.toISOString() ?? null,
    });
  }
}
