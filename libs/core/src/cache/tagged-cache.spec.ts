import { memoryCache } from './cache-store.client.js';
import { TaggedCache } from './tagged-cache.js';

const OPTIONS = { ttlSeconds: 60, tags: ['servers'] };

/** A load that is finished by hand. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

describe('TaggedCache', () => {
  let cache: TaggedCache;
  let loads: number;
  const load = (): Promise<number> => Promise.resolve(++loads);

  beforeEach(() => {
    cache = new TaggedCache(memoryCache(), 60);
    loads = 0;
  });

  it('loads once and then answers from the cache', async () => {
    expect(await cache.wrap('k', OPTIONS, load)).toBe(1);
    expect(await cache.wrap('k', OPTIONS, load)).toBe(1);
    expect(cache.stats).toMatchObject({ hits: 1, misses: 1 });
  });

  it('forgets by tag, and only what has the tag', async () => {
    await cache.wrap('k', OPTIONS, load);
    await cache.wrap('other', { ttlSeconds: 60, tags: ['users'] }, () => Promise.resolve('kept'));
    await cache.invalidate('servers');
    expect(await cache.wrap('k', OPTIONS, load)).toBe(2);
    expect(await cache.wrap('other', { ttlSeconds: 60, tags: ['users'] }, () => Promise.resolve('again'))).toBe('kept');
  });

  it('shares one load among callers at the same time', async () => {
    await cache.wrap('warm', OPTIONS, load);
    const slow = deferred<string>();
    let calls = 0;
    const ask = (): Promise<string> => cache.wrap('k', OPTIONS, () => (calls++, slow.promise));
    const answers = [ask(), ask(), ask()];
    await new Promise((resolve) => setTimeout(resolve, 20));
    slow.resolve('value');
    expect(await Promise.all(answers)).toEqual(['value', 'value', 'value']);
    expect(calls).toBe(1);
  });

  it('never keeps nor shares what was loaded before an invalidation', async () => {
    await cache.wrap('warm', OPTIONS, load);
    const slow = deferred<string>();
    const before = cache.wrap('k', OPTIONS, () => slow.promise);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await cache.invalidate('servers');
    expect(await cache.wrap('k', OPTIONS, () => Promise.resolve('new'))).toBe('new');
    slow.resolve('old');
    expect(await before).toBe('old');
    expect(await cache.wrap('k', OPTIONS, () => Promise.resolve('newer'))).not.toBe('old');
  });

  it('does not keep failures', async () => {
    await expect(cache.wrap('k', OPTIONS, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.wrap('k', OPTIONS, load)).toBe(1);
  });

  it('keeps data as data: functions in disguise stay text', async () => {
    const label = '_function_x|function(){ process.exit(1) }';
    await cache.wrap('k', OPTIONS, () => Promise.resolve({ label }));
    expect(await cache.wrap('k', OPTIONS, () => Promise.resolve(null))).toEqual({ label });
  });
});
