import { randomUUID } from 'node:crypto';
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
  /** Tells it from the same key taken again later. */
  claimId: string;
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
/** A database that was frozen carries out what nobody waits for any more as soon as it goes on. */
const LATE_CLAIM_MS = 5_000;

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
    const key = { ...id, claimId: randomUUID() };
    try {
      return (await this.take(key, bodyDigest)) ? { state: 'taken', key } : await this.read(id, bodyDigest);
    } catch (error) {
      // only the answer may have been lost: a claim that is carried out late must not hold the key for nobody
      void this.free(key);
      setTimeout(() => void this.free(key), LATE_CLAIM_MS).unref();
      throw error;
    }
  }

  private async take({ userId, route, key, claimId }: TakenKey, bodyDigest: Buffer): Promise<boolean> {
    const taken: unknown[] = await this.dataSource.query(
      `INSERT INTO idempotency_keys (user_id, route, key, body_digest, instance_id, claim_id) VALUES ($1, $2, $3, $4, $5, $7)
       ON CONFLICT (user_id, route, key) DO UPDATE
         SET body_digest = excluded.body_digest, instance_id = excluded.instance_id, claim_id = excluded.claim_id, created_at = now(),
             status = NULL, location = NULL, body = NULL, has_secret = false
         WHERE idempotency_keys.created_at < now() - interval '24 hours'
            OR (idempotency_keys.status IS NULL AND NOT EXISTS (
                  SELECT 1 FROM instances i WHERE i.id = idempotency_keys.instance_id AND i.seen_at > now() - make_interval(secs => $6)))
       RETURNING key`,
      [userId, route, key, bodyDigest, this.instance.id, DEAD_AFTER_SECONDS, claimId],
    );
    return taken.length > 0;
  }

  /** Keeps the answer for replays: now, or when the database is back. */
  async keep({ userId, route, key, claimId }: TakenKey, answer: KeptAnswer): Promise<void> {
    const { status, location, hasSecret } = answer;
    const body = hasSecret ? null : JSON.stringify(answer.body ?? null);
    await this.surely(async () => {
      await this.dataSource.query(
        `UPDATE idempotency_keys SET status = $5, location = $6, body = $7, has_secret = $8
         WHERE user_id = $1 AND route = $2 AND key = $3 AND claim_id = $4`,
        [userId, route, key, claimId, status, location, body, hasSecret],
      );
      await this.dataSource.query(`DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'`);
    });
  }

  /** Frees the key, now or when the database is back: the create failed, a retry may try again. */
  async free({ userId, route, key, claimId }: TakenKey): Promise<void> {
    await this.surely(() =>
      this.dataSource.query(
        'DELETE FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3 AND claim_id = $4',
        [userId, route, key, claimId],
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
