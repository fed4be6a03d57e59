import {
  type ArgumentMetadata,
  Injectable,
  type PipeTransform,
  type ValidationError,
  ValidationPipe,
} from '@nestjs/common';
import { type InputError, ValidationFailed } from '../errors/errors.js';

/** Deeper input than this is refused before it is looked at. */
const MAX_DEPTH = 32;
/** Longer lists and objects too: what is checked member by member takes seconds for the tens of thousands that fit into a body. */
const MAX_MEMBERS = 1_000;
const MAX_VALUES = 20_000;

/** Checks bodies, queries and parameters against their classes; unknown fields are mistakes. Each mistake has a JSON pointer. */
@Injectable()
export class InputPipe implements PipeTransform {
  // one a kind, since the prefix of the pointers is part of how a pipe makes its error
  private readonly pipes = { body: pipe('/'), query: pipe('?'), param: pipe(':') };

  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'custom') return value;
    refuseUnreadable(value, metadata.type);
    if (metadata.type === 'body' && isDto(metadata) && !isPlainObject(value)) {
      throw ValidationFailed.at('', 'must be a JSON object');
    }
    return this.pipes[metadata.type].transform(value, metadata);
  }
}

function pipe(prefix: string): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => new ValidationFailed(errors.flatMap((error) => flatten(error, prefix))),
  });
}

function isDto({ metatype }: ArgumentMetadata): boolean {
  return metatype !== undefined && ![String, Number, Boolean, Array, Object, Buffer].includes(metatype as never);
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function prefixOf(type: ArgumentMetadata['type']): string {
  return type === 'query' ? '?' : type === 'param' ? ':' : '/';
}

function flatten(error: ValidationError, prefix: string): InputError[] {
  const pointer = prefix + error.property.replace(/~/g, '~0').replace(/\//g, '~1');
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    pointer,
    message: shorten(rule, message, error.property),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => flatten(child, `${pointer}/`))];
}

/** class-validator starts messages with the property, which the pointer says already. */
function shorten(rule: string, message: string, property: string): string {
  if (rule === 'whitelistValidation') return 'is not a known field';
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}

/** Refuses NUL characters, which PostgreSQL can't store, lone surrogates, `__proto__`, needless depth and length. */
function refuseUnreadable(value: unknown, type: ArgumentMetadata['type']): void {
  const prefix = prefixOf(type);
  const stack: { value: unknown; pointer: string; depth: number }[] = [{ value, pointer: '', depth: 0 }];
  let values = 0;
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { value: current, pointer, depth } = next;
    const at = prefix + pointer;
    if (depth > MAX_DEPTH) throw ValidationFailed.at(at, `is nested deeper than ${MAX_DEPTH} levels`);
    if (typeof current === 'string' && unreadable(current))
      throw ValidationFailed.at(at, 'contains a character that can’t be stored');
    if (typeof current !== 'object' || current === null || Buffer.isBuffer(current)) continue;
    const members = Object.entries(current);
    if (members.length > MAX_MEMBERS) throw ValidationFailed.at(at, `has more than ${MAX_MEMBERS} members`);
    if ((values += members.length) > MAX_VALUES)
      throw ValidationFailed.at(prefix, `holds more than ${MAX_VALUES} values`);
    for (const [key, member] of members) {
      if (unreadable(key) || key === '__proto__') throw ValidationFailed.at(at, 'has a field name that is not allowed');
      stack.push({ value: member, pointer: pointer ? `${pointer}/${key}` : key, depth: depth + 1 });
    }
  }
}

function unreadable(text: string): boolean {
  return text.includes('\u0000') || !text.isWellFormed();
}
