import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '../redis/redis.client.js';
import { MemoryWindows } from './memory-windows.js';

type Hit = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** One round trip a hit: counts it and says how long the window still lasts, in ms. */
const COUNT_HIT = `
  local hits = redis.call('INCR', KEYS[1])
  if hits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  return { hits, redis.call('PTTL', KEYS[1]) }`;

interface WithScript extends Redis {
  einfraCountHit(key: string, ttlMs: number): Promise<[hits: number, msLeft: number]>;
}

/** Fixed windows shared by all replicas. While Redis is away each process counts for itself. */
export class RedisWindows implements ThrottlerStorage {
  private readonly fallback = new MemoryWindows();

  constructor(private readonly redis: RedisConnection) {
    redis.client.defineCommand('einfraCountHit', { numberOfKeys: 1, lua: COUNT_HIT });
  }

  async increment(key: string, ttl: number, limit: number): Promise<Hit> {
    try {
      const [totalHits, msLeft] = await this.redis.run((client) =>
        (client as WithScript).einfraCountHit(`einfra:rate:${key}`, ttl),
      );
      const seconds = Math.max(1, Math.ceil(msLeft / 1000));
      const isBlocked = totalHits > limit;
      return { totalHits, timeToExpire: seconds, isBlocked, timeToBlockExpire: isBlocked ? seconds : 0 };
    } catch {
      return this.fallback.increment(key, ttl, limit);
    }
  }
}
