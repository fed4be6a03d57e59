import { memoryCache, redisCache, writeEpoch } from '../../libs/core/src/cache/cache-store.client.js';
import { TaggedCache } from '../../libs/core/src/cache/tagged-cache.js';
import { RedisConnection } from '../../libs/core/src/redis/redis.client.js';
import { redis } from './services.js';

const OPTIONS = { ttlSeconds: 60, tags: ['servers'] };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A cache as one process of several has it. */
async function process_(url: string): Promise<{ cache: TaggedCache; connection: RedisConnection }> {
  const connection = new RedisConnection(url);
  connection.onReturn((client) => writeEpoch(client, TaggedCache.epochEntry()));
  await connection.connect();
  return { connection, cache: new TaggedCache(await redisCache(connection), 3600, (work) => connection.insist(work)) };
}

describe('the cache on a real Redis', () => {
  let service: Awaited<ReturnType<typeof redis>>;
  const connections: RedisConnection[] = [];

  beforeAll(async () => {
    service = await redis();
  });

  afterAll(async () => {
    connections.forEach((connection) => connection.stop());
    await service.stop();
  });

  const start = async (): Promise<Awaited<ReturnType<typeof process_>>> => {
    const started = await process_(service.url);
    connections.push(started.connection);
    return started;
  };

  it('shares values and invalidations between processes', async () => {
    const [a, b] = [await start(), await start()];
    await a.cache.wrap('shared', OPTIONS, () => Promise.resolve('one'));
    expect(await b.cache.wrap('shared', OPTIONS, () => Promise.resolve('two'))).toBe('one');
    await a.cache.invalidate('servers');
    expect(await b.cache.wrap('shared', OPTIONS, () => Promise.resolve('three'))).toBe('three');
  });

  it('goes on without a frozen Redis, quickly, and serves nothing stale when it is back', async () => {
    const [a, b] = [await start(), await start()];
    let truth = 1;
    const read = (cache: TaggedCache): Promise<number> => cache.wrap('frozen', OPTIONS, () => Promise.resolve(truth));
    expect(await read(a.cache)).toBe(1);
    process.kill(service.pid!, 'SIGSTOP');
    const before = Date.now();
    truth = 2;
    await a.cache.invalidate('servers');
    expect(await read(a.cache)).toBe(2);
    expect(await read(b.cache)).toBe(2);
    expect(Date.now() - before).toBeLessThan(1500);
    const open = Date.now();
    for (let i = 0; i < 1000; i++) await read(a.cache);
    expect(Date.now() - open).toBeLessThan(500);
    process.kill(service.pid!, 'SIGCONT');
    for (let i = 0; i < 20; i++) {
      expect([await read(a.cache), await read(b.cache)]).toEqual([2, 2]);
      await pause(50);
    }
    expect(a.connection.available).toBe(true);
  });

  it('survives a restart of Redis', async () => {
    const { cache, connection } = await start();
    let truth = 'old';
    const read = (): Promise<string> => cache.wrap('restart', OPTIONS, () => Promise.resolve(truth));
    await read();
    await service.restart();
    truth = 'new';
    await cache.invalidate('servers');
    expect(await read()).toBe('new');
    for (let i = 0; i < 100 && !connection.available; i++) await pause(50);
    expect(await read()).toBe('new');
    truth = 'unseen';
    expect(await read()).toBe('new');
  });

  it('answers the same as the cache in memory', async () => {
    const value = {
      text: 'ü✓',
      list: [1, null, { deep: true }],
      function: '_function_x|function(){}',
      date: '2026-01-01T00:00:00.000Z',
    };
    for (const cache of [(await start()).cache, new TaggedCache(memoryCache(), 5)]) {
      await cache.wrap('same', OPTIONS, () => Promise.resolve(value));
      expect(await cache.wrap('same', OPTIONS, () => Promise.resolve(null))).toEqual(value);
    }
  });
});
