import { randomBytes } from 'node:crypto';
import type { Cache as CacheManager } from 'cache-manager';
import { Cache, type CacheOptions, type CacheStats } from './cache.js';

/** A value with the versions its tags had before it was loaded. */
interface Entry {
  versions: string;
  value: unknown;
}

/** Longer than any entry lives, so that an expired tag can't bring an old entry back. */
const TAG_TTL_MS = 24 * 3_600_000;
/** Every entry has it; changed when invalidations may have been lost. */
const EPOCH = 'epoch';

/**
 * Tags by version: an entry holds the versions that its tags had before it was loaded and counts only while they are the same.
 * Invalidating is one write for a tag, and a load that was overtaken by an invalidation stores an entry that never counts.
 */
export class TaggedCache extends Cache {
  readonly stats: CacheStats = { hits: 0, misses: 0, invalidations: 0 };
  private readonly flights = new Map<string, Promise<unknown>>();

  /**
   * `maxTtlSeconds` bounds every entry: in memory, invalidations of other processes never arrive.
   * `insist` runs an invalidation as hard as it can be run.
   */
  constructor(
    private readonly store: CacheManager,
    private readonly maxTtlSeconds: number,
    private readonly insist: (work: () => Promise<unknown>) => Promise<unknown> = (work) => work(),
  ) {
    super();
  }

  override async wrap<T>(key: string, { ttlSeconds, tags }: CacheOptions, load: () => Promise<T>): Promise<T> {
    const entryKey = `entry:${key}`;
    const tagKeys = [EPOCH, ...tags].map(tagKey);
    const [entry, ...found] = await this.read(entryKey, tagKeys);
    const versions = await this.complete(tagKeys, found as (string | undefined)[]);
    if (entry && (entry as Entry).versions === versions) {
      this.stats.hits++;
      return (entry as Entry).value as T;
    }
    this.stats.misses++;
    return this.share(`${key}@${versions}`, async () => {
      const value = await load();
      const ttlMs = Math.min(ttlSeconds, this.maxTtlSeconds) * 1000;
      await this.quietly(() => this.store.set(entryKey, { versions, value } satisfies Entry, ttlMs));
      return value;
    });
  }

  override async invalidate(...tags: string[]): Promise<void> {
    this.stats.invalidations += tags.length;
    const write = (): Promise<unknown> =>
      Promise.all(tags.map((tag) => this.store.set(tagKey(tag), newVersion(), TAG_TTL_MS)));
    // when it fails, the breaker is open, and all entries lose their worth before it closes
    await this.quietly(() => this.insist(write));
  }

  /** The pair that makes every entry count for nothing. */
  static epochEntry(): [key: string, value: string] {
    return [tagKey(EPOCH), newVersion()];
  }

  private async read(entryKey: string, tagKeys: string[]): Promise<unknown[]> {
    const values = await this.quietly(() => this.store.mget([entryKey, ...tagKeys]));
    return values ?? [];
  }

  /** The versions of the tags; those that have none yet get one. */
  private async complete(tagKeys: string[], found: (string | undefined)[]): Promise<string> {
    const versions = await Promise.all(
      tagKeys.map(async (key, index) => {
        const version = found[index];
        if (version !== undefined) return version;
        const fresh = newVersion();
        await this.quietly(() => this.store.set(key, fresh, TAG_TTL_MS));
        return fresh;
      }),
    );
    return versions.join();
  }

  private share<T>(flight: string, load: () => Promise<T>): Promise<T> {
    const running = this.flights.get(flight) as Promise<T> | undefined;
    if (running) return running;
    const started = load().finally(() => this.flights.delete(flight));
    this.flights.set(flight, started);
    return started;
  }

  private async quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch {
      return undefined;
    }
  }
}

function tagKey(tag: string): string {
  return `tag:${tag}`;
}

function newVersion(): string {
  return randomBytes(9).toString('base64url');
}
