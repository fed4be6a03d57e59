/** How long a value may be kept, and what makes it wrong. */
export interface CacheOptions {
  ttlSeconds: number;
  /** `invalidate` with any of them makes the value count for nothing, in every process. */
  tags: readonly string[];
}

/** What was counted since the start. */
export interface CacheStats {
  hits: number;
  misses: number;
  invalidations: number;
}

/**
 * The shared cache: Redis when there is one, memory otherwise. It holds JSON only, never secrets or environment values, and never
 * fails a request: when it is away, values are simply loaded.
 */
export abstract class Cache {
  abstract readonly stats: Readonly<CacheStats>;

  /**
   * The cached value, or what `load` answers (kept, unless it throws). Callers with the same key at the same time share one load,
   * unless something was invalidated in between.
   */
  abstract wrap<T>(key: string, options: CacheOptions, load: () => Promise<T>): Promise<T>;

  /** Forgets all values with one of the tags. Call it after commit. */
  abstract invalidate(...tags: string[]): Promise<void>;
}
