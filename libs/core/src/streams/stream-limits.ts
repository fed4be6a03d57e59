import { Injectable } from '@nestjs/common';
import { RateLimited } from '../errors/errors.js';
import { Metrics } from '../metrics/metrics.js';

const RETRY_SECONDS = 10;

/** How many streams each user has open in this process, by kind of stream. */
@Injectable()
export class StreamLimits {
  private readonly open = new Map<string, number>();
  private readonly byKind: Record<string, number> = {};

  constructor(metrics: Metrics) {
    metrics.gauge('einfra_open_streams', 'Open streams of clients, by kind', () => this.byKind, 'kind');
  }

  /** Takes a place; answers how to give it back. Throws RateLimited when the user has `most` of them already. */
  take(kind: string, userId: string, most: number): () => void {
    const key = `${kind}:${userId}`;
    const held = this.open.get(key) ?? 0;
    if (held >= most) throw new RateLimited(RETRY_SECONDS, `You have ${most} of these streams open. Close one first.`);
    this.count(kind, key, 1);
    let given = false;
    return () => {
      if (!given) this.count(kind, key, -1);
      given = true;
    };
  }

  private count(kind: string, key: string, by: number): void {
    const held = (this.open.get(key) ?? 0) + by;
    if (held === 0) this.open.delete(key);
    else this.open.set(key, held);
    this.byKind[kind] = (this.byKind[kind] ?? 0) + by;
  }
}
