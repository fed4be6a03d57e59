import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Events } from '#core';
import type { Attempt, Sending } from './delivery-sender.js';
import { waitAfter } from './delivery-state.js';

const LEASE_SECONDS = 20;
/** Taken of one webhook at once: one that hangs must not hold up the others. */
const PER_WEBHOOK = 4;
const KEPT_DAYS = 7;
const FAILING_HOURS = 24;

/** A delivery that this process sends now; nobody else does while the lease holds. */
export interface ClaimedDelivery extends Sending {
  lease: string;
  attempts: number;
}

interface ClaimRow {
  id: string;
  event_type: string;
  payload: string;
  attempts: number;
  webhook_id: string;
  name: string;
  url: string;
  sealed_secret: string;
}

const CLAIM = `
  WITH due AS MATERIALIZED (
    SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
      SELECT id, next_at FROM webhook_deliveries
       WHERE webhook_id = w.id AND next_at <= now() ORDER BY next_at LIMIT ${PER_WEBHOOK} FOR UPDATE SKIP LOCKED
    ) d
    WHERE w.enabled AND w.id <> ALL($2::uuid[]) ORDER BY d.next_at LIMIT $3
  )
  UPDATE webhook_deliveries d SET lease = $1, next_at = now() + interval '${LEASE_SECONDS} seconds'
    FROM webhooks w
   WHERE w.id = d.webhook_id AND d.id IN (SELECT id FROM due)
  RETURNING d.id, d.event_type, d.payload, d.attempts, w.id AS webhook_id, w.name, w.url, w.sealed_secret`;

/** The delivery rows in the database. */
@Injectable()
export class DeliveryStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly events: Events,
  ) {}

  /** Claims up to `most` that are due, of webhooks that this process is not busy with. */
  async claim(most: number, busyWebhooks: readonly string[]): Promise<ClaimedDelivery[]> {
    const lease = randomUUID();
    const [rows]: [ClaimRow[], number] = await this.dataSource.query(CLAIM, [lease, busyWebhooks, most]);
    return rows.map((row) => ({
      id: row.id,
      eventType: row.event_type,
      payload: row.payload,
      attempts: row.attempts,
      lease,
      webhook: { id: row.webhook_id, name: row.name, url: row.url, sealedSecret: row.sealed_secret },
    }));
  }

  /** Writes how a try went. What has lost its lease is left to whoever has it now. */
  async complete({ id, lease, attempts, webhook }: ClaimedDelivery, attempt: Attempt, isLast = false): Promise<void> {
    const wait = attempt.problem === null || isLast ? null : waitAfter(attempts + 1);
    const state = attempt.problem === null ? 'succeeded' : wait === null ? 'failed' : 'pending';
    await this.dataSource.transaction(async (manager) => {
      // the webhook first, as changes and removals do
      await manager.query('SELECT 1 FROM webhooks WHERE id = $1 FOR NO KEY UPDATE', [webhook.id]);
      const [, held]: [unknown, number] = await manager.query(
        `UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, lease = NULL, attempted_at = now(),
           next_at = now() + $4::double precision * interval '1 second', status = $5, problem = $6, duration_ms = $7
         WHERE id = $1 AND lease = $2`,
        [id, lease, state, wait, attempt.status, attempt.problem, attempt.durationMs],
      );
      if (held > 0) await this.judge(manager, webhook, attempt);
    });
  }

  /** Gives back what was claimed and not sent. */
  async release(claimed: readonly ClaimedDelivery[]): Promise<void> {
    await this.dataSource.query(
      `UPDATE webhook_deliveries d SET lease = NULL, next_at = now() FROM unnest($1::uuid[], $2::uuid[]) AS c (id, lease)
        WHERE d.id = c.id AND d.lease = c.lease`,
      [claimed.map(({ id }) => id), claimed.map(({ lease }) => lease)],
    );
  }

  /** Removes deliveries that are older than seven days. */
  async removeOld(): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM webhook_deliveries WHERE created_at < now() - interval '${KEPT_DAYS} days'`,
    );
  }

  /** A webhook to which nothing has arrived for a day is disabled. */
  private async judge(manager: EntityManager, webhook: Sending['webhook'], { problem }: Attempt): Promise<void> {
    if (problem === null) {
      await manager.query('UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL', [
        webhook.id,
      ]);
      return;
    }
    await manager.query('UPDATE webhooks SET failing_since = now() WHERE id = $1 AND failing_since IS NULL', [
      webhook.id,
    ]);
    const reason = `Nothing has arrived for ${FAILING_HOURS} hours. The last problem: ${problem}`;
    const [, disabled]: [unknown, number] = await manager.query(
      `UPDATE webhooks SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = now()
        WHERE id = $1 AND enabled AND failing_since < now() - interval '${FAILING_HOURS} hours'`,
      [webhook.id, reason],
    );
    if (disabled === 0) return;
    await this.events.publish(manager, {
      type: 'webhook.disabled',
      target: {},
      permission: 'webhooks:read',
      resource: { type: 'webhook', id: webhook.id, name: webhook.name },
      data: { reason },
    });
  }
}
