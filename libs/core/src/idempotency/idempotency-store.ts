import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DEAD_AFTER_SECONDS, Instance } from '../process/instance.js';

/** Which create is meant: who, which route, which key. */
export interface IdempotencyId {
  userId: string;
  route: string;
  key: string;
}

/** What a create answered. `body` is null when it held a secret. */
export interface KeptAnswer {
  status: number;
  location: string | null;
  body: unknown;
  hasSecret: boolean;
}

/** How a key is met: free (now taken by this request), in use by another request, used for another body, or answered before. */
export type Claim = { state: 'taken' | 'in-flight' | 'other-body' } | { state: 'answered'; answer: KeptAnswer };

interface Row {
  status: number | null;
  location: string | null;
  body: unknown;
  has_secret: boolean;
  same_body: boolean;
}

/** Keys of creates in the database, so that a retry may reach another replica. */
@Injectable()
export class IdempotencyStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly instance: Instance,
  ) {}

  /** Takes the key for this request, or says why not. A key held by a process that died is taken over; day-old ones are forgotten. */
  async claim(id: IdempotencyId, bodyDigest: Buffer): Promise<Claim> {
    const taken: unknown[] = await this.dataSource.query(
      `INSERT INTO idempotency_keys (user_id, route, key, body_digest, instance_id) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (user_id, route, key) DO UPDATE
         SET body_digest = excluded.body_digest, instance_id = excluded.instance_id, created_at = now(),
             status = NULL, location = NULL, body = NULL, has_secret = false
         WHERE idempotency_keys.created_at < now() - interval '24 hours'
            OR (idempotency_keys.status IS NULL AND NOT EXISTS (
                  SELECT 1 FROM instances i WHERE i.id = idempotency_keys.instance_id AND i.seen_at > now() - make_interval(secs => $6)))
       RETURNING key`,
      [id.userId, id.route, id.key, bodyDigest, this.instance.id, DEAD_AFTER_SECONDS],
    );
    return taken.length > 0 ? { state: 'taken' } : this.read(id, bodyDigest);
  }

  /** Keeps the answer for replays. */
  async keep({ userId, route, key }: IdempotencyId, answer: KeptAnswer): Promise<void> {
    await this.dataSource.query(
      `UPDATE idempotency_keys SET status = $4, location = $5, body = $6, has_secret = $7 WHERE user_id = $1 AND route = $2 AND key = $3`,
      [
        userId,
        route,
        key,
        answer.status,
        answer.location,
        answer.hasSecret ? null : JSON.stringify(answer.body ?? null),
        answer.hasSecret,
      ],
    );
    await this.dataSource.query(`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`);
  }

  /** Frees the key: the create failed, a retry may try again. */
  async free({ userId, route, key }: IdempotencyId): Promise<void> {
    await this.dataSource.query('DELETE FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3', [
      userId,
      route,
      key,
    ]);
  }

  private async read({ userId, route, key }: IdempotencyId, bodyDigest: Buffer): Promise<Claim> {
    const [row]: Row[] = await this.dataSource.query(
      `SELECT status, location, body, has_secret, body_digest = $4 AS same_body
       FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3`,
      [userId, route, key, bodyDigest],
    );
    // freed in between: the caller may try again at once
    if (!row || (row.same_body && row.status === null)) return { state: 'in-flight' };
    if (!row.same_body) return { state: 'other-body' };
    return {
      state: 'answered',
      answer: { status: row.status as number, location: row.location, body: row.body, hasSecret: row.has_secret },
    };
  }
}
