/** How servers are cached when they are read. Whatever changes what a server shows, its `lastSeenAt` alone excepted, invalidates the tags. */
export const CACHED_SERVERS = { ttlSeconds: 5, tags: ['servers'] };
