import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Cache, Events } from '#core';

/** How servers are cached when they are read. Whatever changes what a server shows, its `lastSeenAt` alone excepted, invalidates the tags. */
export const CACHED_SERVERS = { ttlSeconds: 5, tags: ['servers'] };

/** Forgets cached reads of servers when any replica changed one in a way that ends in an event: pushes, readings, imports. */
@Injectable()
export class ServerCacheRefresh implements OnModuleInit {
  constructor(
    private readonly events: Events,
    private readonly cache: Cache,
  ) {}

  onModuleInit(): void {
    this.events.subscribe(() => void this.cache.invalidate(...CACHED_SERVERS.tags), { types: ['server.*'] });
  }
}
