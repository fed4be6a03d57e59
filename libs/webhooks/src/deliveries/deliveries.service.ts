import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Access, AuditTrail, Conflict, type CursorPage, NotFound, ValidationFailed } from '#core';
import { Webhook } from '../webhook.entity.js';
import type { DeliveryQuery } from '../webhooks.dto.js';
import { type DeliveryRow, DeliveryView } from './delivery.view.js';
import { DeliverySender } from './delivery-sender.js';
import { DeliveryStore } from './delivery-store.js';

const COLUMNS =
  'id, webhook_id, event_id, event_type, replay_of, state, attempts, next_at, status, problem, duration_ms, created_at, attempted_at';
const CURSOR = /^(\d{1,15})_([0-9a-f-]{36})$/;

/** The log of deliveries, and sending again. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: DeliveryStore,
    private readonly sender: DeliverySender,
    private readonly access: Access,
    private readonly audit: AuditTrail,
  ) {}

  /** Deliveries of a webhook, newest first. */
  async list(webhookId: string, { cursor, limit, state }: DeliveryQuery): Promise<CursorPage<DeliveryView>> {
    await this.webhook(webhookId);
    const [at, id] = cursor === undefined ? [null, null] : parseCursor(cursor);
    const rows: DeliveryRow[] = await this.dataSource.query(
      `SELECT ${COLUMNS} FROM webhook_deliveries
        WHERE webhook_id = $1 AND ($2::text[] IS NULL OR state = ANY($2))
          AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $5`,
      [webhookId, state ?? null, at, id, limit + 1],
    );
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      items: rows.slice(0, limit).map((row) => DeliveryView.of(row)),
      nextCursor: last ? `${last.created_at.getTime()}_${last.id}` : null,
    };
  }

  async get(webhookId: string, id: string): Promise<DeliveryView> {
    const [row]: DeliveryRow[] = await this.dataSource.query(
      `SELECT ${COLUMNS} FROM webhook_deliveries WHERE webhook_id = $1 AND id = $2`,
      [webhookId, id],
    );
    if (!row) throw new NotFound('delivery', id);
    return DeliveryView.of(row);
  }

  /** Sends the same payload again, as a delivery of its own. Throws Conflict while the webhook is disabled. */
  async replay(webhookId: string, id: string): Promise<DeliveryView> {
    const webhook = await this.describedWebhook(webhookId);
    if (!webhook.enabled) throw new Conflict('The webhook is disabled. Enable it first.');
    const replayId = randomUUID();
    const made: unknown[] = await this.dataSource.query(
      `INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, next_at, replay_of)
       SELECT $3, webhook_id, event_id, event_type, payload, now(), id FROM webhook_deliveries WHERE webhook_id = $1 AND id = $2
       RETURNING id`,
      [webhookId, id, replayId],
    );
    if (made.length === 0) throw new NotFound('delivery', id);
    return this.get(webhookId, replayId);
  }

  /** Sends a test now, once, whether the webhook is enabled or not. */
  async test(webhookId: string): Promise<DeliveryView> {
    const { name } = await this.describedWebhook(webhookId);
    const [id, lease] = [randomUUID(), randomUUID()];
    const payload = JSON.stringify({
      id: null,
      type: 'webhook.test',
      at: new Date().toISOString(),
      environment: null,
      system: null,
      resource: { type: 'webhook', id: webhookId, name },
      data: { requestedBy: this.access.caller().username },
    });
    // due once the lease has ended: should this process die, the test is sent by another one
    await this.dataSource.query(
      `INSERT INTO webhook_deliveries (id, webhook_id, event_type, payload, lease, next_at)
       VALUES ($1, $2, 'webhook.test', $3, $4, now() + interval '20 seconds')`,
      [id, webhookId, payload, lease],
    );
    const [{ url, sealed_secret: sealedSecret } = { url: '', sealed_secret: '' }]: {
      url: string;
      sealed_secret: string;
    }[] = await this.dataSource.query('SELECT url, sealed_secret FROM webhooks WHERE id = $1', [webhookId]);
    const claimed = {
      id,
      eventType: 'webhook.test',
      payload,
      attempts: 0,
      lease,
      webhook: { id: webhookId, name, url, sealedSecret },
    };
    const attempt = await this.sender.send(claimed, new AbortController().signal);
    await this.store.complete(claimed, attempt, true);
    return this.get(webhookId, id);
  }

  private async describedWebhook(id: string): Promise<Webhook> {
    const webhook = await this.webhook(id);
    this.audit.describe({ resource: { type: 'webhook', id, name: webhook.name } });
    return webhook;
  }

  private async webhook(id: string): Promise<Webhook> {
    const webhook = await this.dataSource.getRepository(Webhook).findOneBy({ id });
    if (!webhook) throw new NotFound('webhook', id);
    return webhook;
  }
}

function parseCursor(cursor: string): [at: string, id: string] {
  const [, ms, id] = CURSOR.exec(cursor) ?? [];
  if (ms === undefined || id === undefined)
    throw ValidationFailed.at('?cursor', 'must be a cursor that this list answered');
  return [new Date(Number(ms)).toISOString(), id];
}
