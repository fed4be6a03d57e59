import { type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerOptions, type ThrottlerRequest } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimited } from '../errors/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { currentContext } from '../http/request-context.js';
import { addressKey } from './address-key.js';

const STRICT = 'einfra:strict-limit';
const FREE = 'einfra:no-limit';
const MINUTE = 60_000;

/** The route is also held to the stricter rate of sign-ins, by address. */
export const StrictlyLimited = (): MethodDecorator => SetMetadata(STRICT, true);

/** The route is not limited: probes and metrics. */
export const NotLimited = (): MethodDecorator & ClassDecorator => SetMetadata(FREE, true);

/** The rates, a minute, from RATE_LIMIT: one address may stand for several callers, sign-in is stricter. */
export function rates(rateLimit: number): { throttlers: ThrottlerOptions[]; skipIf: () => boolean } {
  return {
    throttlers: [
      { name: 'address', ttl: MINUTE, limit: rateLimit * 5 },
      { name: 'sign-in', ttl: MINUTE, limit: Math.max(10, Math.floor(rateLimit / 40)) },
      { name: 'caller', ttl: MINUTE, limit: rateLimit },
    ],
    skipIf: () => rateLimit === 0,
  };
}

abstract class RateLimitGuard extends ThrottlerGuard {
  @Inject(Metrics)
  private readonly metrics!: Metrics;

  protected abstract applies(throttler: string, context: ExecutionContext): boolean;

  protected override async handleRequest(props: ThrottlerRequest): Promise<boolean> {
    const { context, limit, ttl, throttler } = props;
    const name = throttler.name ?? '';
    if (context.getType() !== 'http' || !this.applies(name, context) || this.marked(FREE, context)) return true;
    const { req, res } = this.getRequestResponse(context) as unknown as { req: FastifyRequest; res: FastifyReply };
    const key = `${name}:${await this.getTracker(req)}`;
    const hit = await this.storageService.increment(key, ttl, limit, 0, name);
    void res.header('RateLimit-Policy', `${limit};w=${ttl / 1000}`);
    void res.header('RateLimit-Limit', limit);
    void res.header('RateLimit-Remaining', Math.max(0, limit - hit.totalHits));
    void res.header('RateLimit-Reset', hit.timeToExpire);
    if (!hit.isBlocked) return true;
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
