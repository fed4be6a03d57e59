import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { requireContext } from '#core';

const EVERY_MS = 60_000;
const MAX_TOKENS = 10_000;

/** Writes down when and from where API tokens were used, once a minute for each, without holding up the request. */
@Injectable()
export class TokenUses {
  private readonly logger = new Logger('TokenUses');
  private readonly noted = new LRUCache<string, true>({ max: MAX_TOKENS, ttl: EVERY_MS });

  constructor(private readonly dataSource: DataSource) {}

  /** The token is being used by the current request. */
  note(tokenId: string): void {
    if (this.noted.has(tokenId)) return;
    this.noted.set(tokenId, true);
    const { address } = requireContext();
    this.dataSource
      .query('UPDATE api_tokens SET last_used_at = now(), last_used_address = $2 WHERE id = $1', [tokenId, address])
      .catch((error: Error) => this.logger.warn(`the use of a token was not written down: ${error.message}`));
  }
}
