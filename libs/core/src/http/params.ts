import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { NotFound, ValidationFailed } from '../errors/errors.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID. Guards and interceptors, which see raw input, ask this before any query. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text);
}

/** The UUID in lower case, or a NotFound: an id that can't exist names nothing. */
export function uuidOrNotFound(kind: string, text: unknown): string {
  if (!isUuid(text)) throw new NotFound(kind);
  return text.toLowerCase();
}

const IF_MATCH = /^(?:W\/)?"?(\d{1,15})"?$/;

const readIfMatch = createParamDecorator((_: unknown, context: ExecutionContext): number | undefined => {
  const header = context.switchToHttp().getRequest<FastifyRequest>().headers['if-match']?.trim();
  if (header === undefined || header === '*') return undefined;
  const version = IF_MATCH.exec(header)?.[1];
  if (version === undefined) throw ValidationFailed.at('/If-Match', 'must be an ETag as this API gave it, like "3"');
  return Number(version);
});

/** The version named by `If-Match`, or undefined without the header (or with `*`): last write wins. Documents the header. */
export function IfMatch(): ParameterDecorator {
  return (target, key, index) => {
    const descriptor = Object.getOwnPropertyDescriptor(target, key as string) as PropertyDescriptor;
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'ETag of the version that the change is meant for, like `"3"`; without it the last write wins.',
    })(target, key as string, descriptor);
    readIfMatch()(target, key, index);
  };
}
