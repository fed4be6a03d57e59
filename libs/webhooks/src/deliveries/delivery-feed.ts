import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { EventCursor, EventView, matchesType, readEvents, type StoredEvent } from '#core';

const BATCH = 200;

/** Makes deliveries from events: each process does it, one at a time, going on where the last one was. */
@Injectable()
export class DeliveryFeed {
  constructor(private readonly dataSource: DataSource) {}

  /** Makes what is missing. False when another process is at it, and may have read before the newest event. */
  async makeAll(): Promise<boolean> {
    for (;;) {
      const count = await this.dataSource.transaction((manager) => makeBatch(manager));
      if (count === null) return false;
      if (count < BATCH) return true;
    }
  }
}

/** Cursor and deliveries move together, so that no event is made twice or forgotten. Null when the cursor is held. */
async function makeBatch(manager: EntityManager): Promise<number | null> {
  const [feed]: { cursor: string }[] = await manager.query(
    'SELECT cursor FROM webhook_feed WHERE id = 1 FOR UPDATE SKIP LOCKED',
  );
  if (!feed) return null;
  const cursor = EventCursor.parse(feed.cursor) ?? new EventCursor(0);
  const events = await readEvents(manager, cursor, BATCH);
  if (events.length === 0) return 0;
  const webhooks: { id: string; events: string[] }[] = await manager.query(
    'SELECT id, events FROM webhooks WHERE enabled ORDER BY id FOR KEY SHARE',
  );
  await insert(
    manager,
    events.flatMap((event) =>
      webhooks
        .filter(({ events: types }) => matchesType(event.type, types))
        .map(({ id }) => ({ webhookId: id, event })),
    ),
  );
  await manager.query('UPDATE webhook_feed SET cursor = $1 WHERE id = 1', [cursor.toString()]);
  return events.length;
}

async function insert(manager: EntityManager, made: { webhookId: string; event: StoredEvent }[]): Promise<void> {
  if (made.length === 0) return;
  await manager.query(
    `INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, next_at)
     SELECT d.*, now() FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS d
     ON CONFLICT (webhook_id, event_id) WHERE replay_of IS NULL DO NOTHING`,
    [
      made.map(() => randomUUID()),
      made.map(({ webhookId }) => webhookId),
      made.map(({ event }) => event.id),
      made.map(({ event }) => event.type),
      made.map(({ event }) => JSON.stringify(EventView.of(event))),
    ],
  );
}
