import { type Cache as CacheManager, createCache, KeyvAdapter } from 'cache-manager';
import type { Redis } from 'ioredis';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { RedisConnection } from '../redis/redis.client.js';

const NAMESPACE = 'einfra';
const MEMORY_BYTES = 64 * 1024 * 1024;
const MEMORY_ENTRIES = 20_000;

/**
 * A boundary: the Redis store of its own revives functions from strings, so what a caller can put into a label would run here.
 * With this layer the store only ever sees strings.
 */
const JSON_LAYER = { serialize: JSON.stringify, deserialize: JSON.parse } as const;

/** cache-manager over Redis, behind the connection's breaker. */
export async function redisCache(connection: RedisConnection): Promise<CacheManager> {
  const guarded = await guardedStore(connection);
  const adapter = new KeyvAdapter(guarded as never) as unknown as KeyvStoreAdapter;
  return createCache({
    stores: [new Keyv({ store: adapter, namespace: NAMESPACE, throwOnErrors: true, ...JSON_LAYER })],
  });
}

/** cache-manager over a bounded map in this process. */
export function memoryCache(): CacheManager {
  const entries = new LRUCache<string, string>({
    max: MEMORY_ENTRIES,
    maxSize: MEMORY_BYTES,
    sizeCalculation: (value, key) => key.length + value.length,
  });
  const store = {
    get: (key: string) => entries.get(key),
    getMany: (keys: string[]) => keys.map((key) => entries.get(key)),
    set: (key: string, value: string, ttl?: number) => void entries.set(key, value, { ttl }),
    delete: (key: string) => entries.delete(key),
    clear: () => entries.clear(),
  };
  return createCache({ stores: [new Keyv({ store, namespace: NAMESPACE, throwOnErrors: true, ...JSON_LAYER })] });
}

/** Makes every entry of every process count for nothing. `[key, value]` of TaggedCache.epochEntry. */
export function writeEpoch(client: Redis, [key, value]: [string, string]): Promise<unknown> {
  const stored = { value, expires: null };
  // as the store reads it: a string inside a string
  return client.set(`${NAMESPACE}:${key}`, JSON.stringify(JSON.stringify(stored)));
}

/** What is used of the store; its own types are those of an older cache-manager. */
interface CommandStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttl?: number): Promise<void>;
  mget(...keys: string[]): Promise<unknown[]>;
  del(key: string): Promise<void>;
  mdel(...keys: string[]): Promise<void>;
}

/** The store without `reset`, which is FLUSHDB, each command through the breaker. */
async function guardedStore(connection: RedisConnection): Promise<CommandStore> {
  const { redisInsStore } = await import('cache-manager-ioredis-yet');
  const store = redisInsStore(connection.client) as unknown as CommandStore;
  return {
    get: (key) => connection.run(() => store.get(key)),
    set: (key, value, ttl) => connection.run(() => store.set(key, value, ttl)),
    mget: (...keys) => connection.run(() => store.mget(...keys)),
    del: (key) => connection.run(() => store.del(key)),
    mdel: (...keys) => connection.run(() => store.mdel(...keys)),
  };
}
