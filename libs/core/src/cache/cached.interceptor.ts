import { hash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { firstValueFrom, from, type Observable } from 'rxjs';
import type { Caller } from '../access/caller.js';
import { requireCaller } from '../http/request-context.js';
import { Cache, type CacheOptions } from './cache.js';

const CACHED = 'einfra:cached';

/** Keeps the answers of a read of our own tables, apart for callers with different rights. For GET only. */
export const Cached = (options: CacheOptions): MethodDecorator => SetMetadata(CACHED, options);

/**
 * Serves `@Cached` routes from the cache, keyed by the route, its parameters and query, and the effective grants of the
 * caller. `Cache-Control: no-cache` asks past it. */
@Injectable()
export class CachedInterceptor implements NestInterceptor {
  constructor(
    private readonly cache: Cache,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const options = this.reflector.get<CacheOptions | undefined>(CACHED, context.getHandler());
    if (!options) return next.handle();
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (/no-cache/.test(request.headers['cache-control'] ?? '')) return next.handle();
    const key = `${request.routeOptions.url}:${digest([request.params, sortedQuery(request.url), rightsDigest(requireCaller())])}`;
    return from(this.cache.wrap(key, options, () => firstValueFrom(next.handle())));
  }
}

function sortedQuery(url: string): string {
  const question = url.indexOf('?');
  if (question < 0) return '';
  const query = new URLSearchParams(url.slice(question + 1));
  query.sort();
  return query.toString();
}

const digests = new WeakMap<Caller, string>();

/** The same for all callers who may see the same; a caller object lives for seconds, so it is made once for many requests. */
function rightsDigest(caller: Caller): string {
  let known = digests.get(caller);
  if (known === undefined) {
    const grants = caller.grants.map(({ permissions, scope }) =>
      JSON.stringify([[...permissions].sort(), scope.type, scope.id, scope.name]),
    );
    const limit = caller.limit && [[...caller.limit.permissions].sort(), caller.limit.scope];
    known = digest([grants.sort(), limit]);
    digests.set(caller, known);
  }
  return known;
}

function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url');
}
