import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { RedisConnection } from '../redis/redis.client.js';
import { memoryCache, redisCache, writeEpoch } from './cache-store.client.js';
import { Cache } from './cache.js';
import { CachedInterceptor } from './cached.interceptor.js';
import { TaggedCache } from './tagged-cache.js';

/** DI token of the connection to Redis, null when there is no REDIS_URL. */
export const REDIS = Symbol('RedisConnection');

/** In memory, what another process changed is seen after this long. */
const MEMORY_MAX_TTL_SECONDS = 5;
const REDIS_MAX_TTL_SECONDS = 3_600;

/** The cache and the connection to Redis behind it. */
@Global()
@Module({})
export class CacheModule implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: RedisConnection | null) {}

  static forRoot(redisUrl: string | null): DynamicModule {
    return {
      module: CacheModule,
      providers: [
        { provide: REDIS, useFactory: () => connect(redisUrl) },
        { provide: Cache, inject: [REDIS], useFactory: cacheOver },
        CachedInterceptor,
      ],
      exports: [REDIS, Cache, CachedInterceptor],
    };
  }

  onApplicationShutdown(): void {
    this.redis?.stop();
  }
}

async function connect(url: string | null): Promise<RedisConnection | null> {
  if (url === null) return null;
  // loaded only where there is a Redis
  const { RedisConnection } = await import('../redis/redis.client.js');
  const connection = new RedisConnection(url);
  connection.onReturn((client) => writeEpoch(client, TaggedCache.epochEntry()));
  await connection.connect();
  return connection;
}

async function cacheOver(redis: RedisConnection | null): Promise<Cache> {
  if (!redis) return new TaggedCache(memoryCache(), MEMORY_MAX_TTL_SECONDS);
  return new TaggedCache(await redisCache(redis), REDIS_MAX_TTL_SECONDS, (work) => redis.insist(work));
}
