import { type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerOptions } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimited } from '../errors/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { currentContext } from '../http/request-context.js';
import { addressKey } from './address-key.js';

const STRICT = 'einfra:strict-limit';
const FREE = 'einfra:no-limit';
const MINUTE = 60_000;
/** Applies to nothing. */
const UNLIMITED: ThrottlerOptions = { name: 'none', ttl: MINUTE, limit: 1 };

/** The route is also held to the stricter rate of sign-ins, by address. */
export const StrictlyLimited = (): MethodDecorator => SetMetadata(STRICT, true);

/** The route is not limited: probes and metrics. */
export const NotLimited = (): MethodDecorator & ClassDecorator => SetMetadata(FREE, true);

/** The rates, a minute, from RATE_LIMIT (0: none): one address may stand for several callers, sign-in is stricter. */
export function rates(rateLimit: number): ThrottlerOptions[] {
  // the library warns when there is nothing at all
  if (rateLimit === 0) return [UNLIMITED];
  return [
    { name: 'address', ttl: MINUTE, limit: rateLimit * 5 },
    { name: 'sign-in', ttl: MINUTE, limit: Math.max(10, Math.floor(rateLimit / 40)) },
    { name: 'caller', ttl: MINUTE, limit: rateLimit },
  ];
}

abstract class RateLimitGuard extends ThrottlerGuard {
  @Inject(Metrics)
  private readonly metrics!: Metrics;

  protected abstract applies(throttler: string, context: ExecutionContext): boolean;

  /**
   * Throttler's own way asks the metadata of a route some thirty times for each request. Which of its limits apply is known here,
   * and none is set per route.
   */
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http' || this.marked(FREE, context)) return true;
    const http = context.switchToHttp();
    for (const throttler of this.throttlers) {
      if (!this.applies(throttler.name ?? '', context)) continue;
      const key = `${throttler.name}:${await this.getTracker(http.getRequest<FastifyRequest>())}`;
      await this.count(throttler, key, http.getResponse<FastifyReply>());
    }
    return true;
  }

  private async count({ name = '', limit, ttl }: ThrottlerOptions, key: string, reply: FastifyReply): Promise<void> {
    const [most, windowMs] = [limit as number, ttl as number];
    const hit = await this.storageService.increment(key, windowMs, most, 0, name);
    void reply.headers({
      'RateLimit-Policy': `${most};w=${windowMs / 1000}`,
      'RateLimit-Limit': most,
      'RateLimit-Remaining': Math.max(0, most - hit.totalHits),
      'RateLimit-Reset': hit.timeToExpire,
    });
    if (!hit.isBlocked) return;
    this.metrics.rateLimitRefusals.inc({ limit: name });
    throw new RateLimited(hit.timeToBlockExpire);
  }

  protected marked(key: string, context: ExecutionContext): boolean {
    return (
      this.reflector.getAllAndOverride<boolean | undefined>(key, [context.getHandler(), context.getClass()]) === true
    );
  }
}

/** Limits by address, before anybody is authenticated. */
@Injectable()
export class AddressLimitGuard extends RateLimitGuard {
  protected override applies(throttler: string, context: ExecutionContext): boolean {
    return throttler === 'address' || (throttler === 'sign-in' && this.marked(STRICT, context));
  }

  protected override getTracker(request: { ip?: string }): Promise<string> {
    return Promise.resolve(addressKey(request.ip ?? ''));
  }
}

/** Limits by user, whatever their addresses and tokens, once the caller is known. */
@Injectable()
export class CallerLimitGuard extends RateLimitGuard {
  protected override applies(throttler: string): boolean {
    return throttler === 'caller' && currentContext()?.caller !== undefined;
  }

  protected override getTracker(): Promise<string> {
    return Promise.resolve(currentContext()?.caller?.userId ?? '');
  }
}
