import { createHmac } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { catchError, concatMap, from, type Observable, of } from 'rxjs';
import { Conflict, ValidationFailed } from '../errors/errors.js';
import { requireContext } from '../http/request-context.js';
import { KeyStore } from '../secrets/key-store.js';
import { IdempotencyStore, type KeptAnswer, type TakenKey } from './idempotency-store.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * `Idempotency-Key` on POST: the second request with the same key and body gets the first one's answer and does nothing. An answer
 * that held a secret is not kept; its replay is a 409 with the Location. Keys belong to the user and the route, for a day.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly store: IdempotencyStore,
    private readonly keys: KeyStore,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    const userId = request.einfra.caller?.userId;
    if (key === undefined || request.method !== 'POST' || userId === undefined) return next.handle();
    if (typeof key !== 'string' || !KEY.test(key))
      throw ValidationFailed.at('/Idempotency-Key', 'must be 1 to 255 visible ASCII characters');
    const id = { userId, route: request.url.split('?', 1)[0] ?? '', key };
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return from(this.store.claim(id, this.digestOf(request))).pipe(
      concatMap((claim) => {
        if (claim.state === 'taken') return this.runOnce(claim.key, reply, next);
        if (claim.state === 'answered') return of(replay(claim.answer, reply));
        throw new Conflict(
          claim.state === 'in-flight'
            ? 'A request with this Idempotency-Key is being worked on. Try again shortly.'
            : 'This Idempotency-Key was used with another body.',
        );
      }),
    );
  }

  /** With a key: a body can hold a password, which a plain digest would let anybody guess who reads the database. */
  private digestOf({ url, body }: FastifyRequest): Buffer {
    return createHmac('sha256', this.keys.current('idempotency').key)
      .update(textOf([url, body ?? null]))
      .digest();
  }

  private runOnce(key: TakenKey, reply: FastifyReply, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        await this.store.free(key);
        throw error;
      }),
      concatMap(async (body: unknown) => {
        await this.store.keep(key, kept(body, reply));
        return body;
      }),
    );
  }
}

/** Interceptors see the body before it is checked: one that is nested too deeply has no text. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    throw ValidationFailed.at('', 'is nested too deeply');
  }
}

function kept(body: unknown, reply: FastifyReply): KeptAnswer {
  const text = JSON.stringify(body ?? null);
  const hasSecret = [...requireContext().secrets].some((secret) => text.includes(JSON.stringify(secret).slice(1, -1)));
  return {
    status: reply.statusCode,
    location: (reply.getHeader('Location') as string | undefined) ?? null,
    body,
    hasSecret,
  };
}

function replay(answer: KeptAnswer, reply: FastifyReply): unknown {
  if (answer.location) void reply.header('Location', answer.location);
  if (answer.hasSecret) {
    throw new Conflict('It was created before; its secret is shown only once.', {
      extra: { location: answer.location },
    });
  }
  void reply.status(answer.status).header('Idempotency-Replayed', 'true');
  return answer.body ?? undefined;
}
