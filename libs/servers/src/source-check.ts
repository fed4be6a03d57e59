import { Injectable } from '@nestjs/common';
import { OutboundGuard, OutboundRefused, ValidationFailed } from '#core';
import { PUSH_INTERVAL_SECONDS, type ServerSource } from './server-source.js';
import type { SourceDto } from './servers.dto.js';

/** Says which sources may be registered: an address that may not be connected to is refused before anything is stored. */
@Injectable()
export class SourceCheck {
  constructor(private readonly guard: OutboundGuard) {}

  /** The source as it is stored; without one there is none. Throws ValidationFailed for an address that is not allowed. */
  accept(source: SourceDto | null | undefined): ServerSource {
    if (!source || source.type === 'none') return { type: 'none' };
    if (source.type === 'ssh') return { type: 'ssh' };
    if (source.type === 'push')
      return { type: 'push', intervalSeconds: source.intervalSeconds ?? PUSH_INTERVAL_SECONDS };
    try {
      this.guard.checkUrl(source.url, ['http:', 'https:']);
    } catch (error) {
      if (error instanceof OutboundRefused) throw ValidationFailed.at('/source/url', error.message);
      throw error;
    }
    return { type: source.type, url: source.url };
  }
}
