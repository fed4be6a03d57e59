import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { addressKey, Metrics, RateLimited } from '#core';

/** Who tries to sign in, and from where. */
export interface Attempt {
  /** As it was typed; whether such a user exists makes no difference. */
  username: string;
  address: string;
}

/** How many failures lock, for how many seconds at the most, and after how many seconds one failure is forgotten. */
interface Policy {
  key: string;
  failures: number;
  longest: number;
  forgetOneAfter: number;
}

/** In the order of their keys, in which all processes lock the rows. */
function policies({ username, address }: Attempt): Policy[] {
  const name = username.toLowerCase();
  const from = addressKey(address);
  return [
    // short, since it also meets the owner where they have never signed in
    { key: accountKey(name), failures: 10, longest: 60, forgetOneAfter: 600 },
    // behind one address there may be a whole office
    { key: `address:${from}`, failures: 30, longest: 900, forgetOneAfter: 120 },
    { key: `pair:${name}|${from}`, failures: 5, longest: 900, forgetOneAfter: 3_600 },
  ];
}

function accountKey(name: string): string {
  return `account:${name}`;
}

/** Counts stop where the lock is longest: what was counted beyond would only keep it from being forgotten. */
const COUNT = `least($2 + 10, greatest(0, f.failures - floor(extract(epoch FROM now() - f.updated_at) / $4)::int) + 1)`;

const RECORD_FAILURE = `
  INSERT INTO sign_in_failures AS f (key, failures) VALUES ($1, 1)
  ON CONFLICT (key) DO UPDATE SET
    failures = ${COUNT},
    locked_until = CASE WHEN ${COUNT} >= $2 THEN now() + make_interval(secs => least($3::int, power(2, ${COUNT} - $2 + 1))) END,
    updated_at = now()`;

const LOCKS = `
  SELECT key, ceil(extract(epoch FROM locked_until - now()))::int AS seconds
    FROM sign_in_failures WHERE key = ANY($1) AND locked_until > now()`;

const KNOWN_FOR = `interval '90 days'`;
const KNOWN_ADDRESSES = 20;

/**
 * Holds back guessing, on all replicas: failures are counted by name and address, by name, and by address; from a number on each
 * of them locks for twice as long as the one before. A locked attempt is neither verified nor counted. An address from which a
 * user has signed in before is exempt from the lock of the name: guessing elsewhere doesn't keep its owner out.
 */
@Injectable()
export class Lockout {
  constructor(
    private readonly dataSource: DataSource,
    private readonly metrics: Metrics,
  ) {}

  /** Throws RateLimited, which says when to try again, while the attempt is locked. */
  async assertOpen(attempt: Attempt): Promise<void> {
    const keys = policies(attempt).map(({ key }) => key);
    const locks: { key: string; seconds: number }[] = await this.dataSource.query(LOCKS, [keys]);
    if (locks.length === 0) return;
    const name = attempt.username.toLowerCase();
    const isExempt = locks.some(({ key }) => key === accountKey(name)) && (await this.isKnown(name, attempt.address));
    const seconds = locks.filter(({ key }) => !isExempt || key !== accountKey(name)).map((lock) => lock.seconds);
    if (seconds.length === 0) return;
    this.metrics.signInFailures.inc({ reason: 'locked' });
    throw new RateLimited(Math.max(...seconds), 'Too many failed sign-ins. Wait and try again.');
  }

  /** Counts a wrong password. */
  async failed(attempt: Attempt): Promise<void> {
    this.metrics.signInFailures.inc({ reason: 'wrong' });
    await this.dataSource.transaction(async (manager) => {
      for (const { key, failures, longest, forgetOneAfter } of policies(attempt)) {
        await manager.query(RECORD_FAILURE, [key, failures, longest, forgetOneAfter]);
      }
    });
  }

  /** Forgets the failures of a user who has signed in, though not those of the address: others guess from there, too. */
  async succeeded(manager: EntityManager, userId: string, attempt: Attempt): Promise<void> {
    const own = policies(attempt)
      .map(({ key }) => key)
      .filter((key) => !key.startsWith('address:'));
    await manager.query('DELETE FROM sign_in_failures WHERE key = ANY($1)', [own]);
    await manager.query(
      `INSERT INTO known_addresses (user_id, address) VALUES ($1, $2)
       ON CONFLICT (user_id, address) DO UPDATE SET seen_at = now()`,
      [userId, addressKey(attempt.address)],
    );
    await manager.query(
      `DELETE FROM known_addresses WHERE user_id = $1 AND address NOT IN (
         SELECT address FROM known_addresses WHERE user_id = $1 ORDER BY seen_at DESC, address LIMIT ${KNOWN_ADDRESSES})`,
      [userId],
    );
  }

  /** Lifts every lock that keeps a user out, wherever from. */
  async lift(manager: EntityManager, userId: string, username: string): Promise<void> {
    const name = username.toLowerCase();
    await manager.query(
      `DELETE FROM sign_in_failures WHERE key = $1 OR starts_with(key, $2)
          OR key IN (SELECT 'address:' || address FROM known_addresses WHERE user_id = $3)`,
      [accountKey(name), `pair:${name}|`, userId],
    );
  }

  /** Removes what no longer counts. */
  async cleanUp(): Promise<void> {
    await this.dataSource.query(`DELETE FROM sign_in_failures WHERE updated_at < now() - interval '24 hours'`);
    await this.dataSource.query(`DELETE FROM known_addresses WHERE seen_at < now() - ${KNOWN_FOR}`);
  }

  private async isKnown(name: string, address: string): Promise<boolean> {
    const rows: unknown[] = await this.dataSource.query(
      `SELECT 1 FROM known_addresses k JOIN users u ON u.id = k.user_id
        WHERE lower(u.username) = $1 AND k.address = $2 AND k.seen_at > now() - ${KNOWN_FOR}`,
      [name, addressKey(address)],
    );
    return rows.length > 0;
  }
}
