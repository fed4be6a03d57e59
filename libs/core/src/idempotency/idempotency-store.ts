import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DEAD_AFTER_SECONDS, Instance } from '../process/instance.js';

/** Which create is meant: who, which route, which key. */
export interface IdempotencyId {
  userId: string;
  route: string;
  key: string;
}

/** A key taken by a request. */
export interface TakenKey extends IdempotencyId {
  /** When; tells it from the same key taken again later. */
  takenAt: string;
}

/** What a create answered. `body` is null when it held a secret. */
export interface KeptAnswer {
  status: number;
  location: string | null;
  body: unknown;
  hasSecret: boolean;
}

/** How a key is met: free (now taken by this request), in use by another request, used for another body, or answered before. */
export type Claim =
  { state: 'taken'; key: TakenKey } | { state: 'in-flight' | 'other-body' } | { state: 'answered'; answer: KeptAnswer };

const RETRY_MS = 1_000;
const GIVE_UP_MS = 15 * 60_000;

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
  private readonly logger = new Logger('Idempotency');

  constructor(
    private readonly dataSource: DataSource,
    private readonly instance: Instance,
  ) {}

  /** Takes the key for this request, or says why not. A key held by a process that died is taken over; day-old ones are forgotten. */
  async claim(id: IdempotencyId, bodyDigest: Buffer): Promise<Claim> {
    const [taken]: { taken_at: string }[] = await this.dataSource.query(
      `INSERT INTO idempotency_keys (user_id, route, key, body_digest, instance_id) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (user_id, route, key) DO UPDATE
         SET body_digest = excluded.body_digest, instance_id = excluded.instance_id, created_at = now(),
             status = NULL, location = NULL, body = NULL, has_secret = false
         WHERE idempotency_keys.created_at < now() - interval '24 hours'
            OR (idempotency_keys.status IS NULL AND NOT EXISTS (
                  SELECT 1 FROM instances i WHERE i.id = idempotency_keys.instance_id AND i.seen_at > now() - make_interval(secs => $6)))
       RETURNING created_at::text AS taken_at`,
      [id.userId, id.route, id.key, bodyDigest, this.instance.id, DEAD_AFTER_SECONDS],
    );
    return taken ? { state: 'taken', key: { ...id, takenAt: taken.taken_at } } : this.read(id, bodyDigest);
  }

  /** Keeps the answer for replays: now, or when the database is back. */
  async keep({ userId, route, key, takenAt }: TakenKey, answer: KeptAnswer): Promise<void> {
    const { status, location, hasSecret } = answer;
    const body = hasSecret ? null : JSON.stringify(answer.body ?? null);
    await this.surely(async () => {
      await this.dataSource.query(
        `UPDATE idempotency_keys SET status = $5, location = $6, body = $7, has_secret = $8
         WHERE user_id = $1 AND route = $2 AND key = $3 AND created_at = $4::timestamptz`,
        [userId, route, key, takenAt, status, location, body, hasSecret],
      );
      await this.dataSource.query(`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`);
    });
  }

  /** Frees the key, now or when the database is back: the create failed, a retry may try again. */
  async free({ userId, route, key, takenAt }: TakenKey): Promise<void> {
    await this.surely(() =>
      this.dataSource.query(
        'DELETE FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3 AND created_at = $4::timestamptz',
        [userId, route, key, takenAt],
      ),
    );
  }

  /** A key that stayed taken would refuse every retry for a day, so what fails is tried again in the background. */
  private async surely(work: () => Promise<unknown>): Promise<void> {
    const givenUpAt = Date.now() + GIVE_UP_MS;
    const attempt = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (Date.now() < givenUpAt) setTimeout(() => void attempt(), RETRY_MS).unref();
        else this.logger.warn(`a key stays taken: ${(error as Error).message}`);
      }
    };
    await attempt();
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
