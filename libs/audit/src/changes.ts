import { isDeepStrictEqual } from 'node:util';
import { redact } from '#core';

/** Characters of JSON kept of each of before and after. */
const MAX_CHARACTERS = 16 * 1024;

type Fields = Record<string, unknown>;

/** What a change did: only the fields that differ, without secrets. A creation has no before, a removal no after. */
export function changedFields(
  before: object | null | undefined,
  after: object | null | undefined,
  secrets: Iterable<string>,
): { before: unknown; after: unknown } {
  const [old, fresh] = [plain(before), plain(after)];
  const differs = (name: string): boolean => !old || !fresh || !isDeepStrictEqual(old[name], fresh[name]);
  const kept = (fields: Fields | null): unknown =>
    fields && bounded(redact(Object.fromEntries(Object.entries(fields).filter(([name]) => differs(name))), secrets));
  return { before: kept(old), after: kept(fresh) };
}

/** As JSON has it: dates are texts, `undefined` is absent. */
function plain(value: object | null | undefined): Fields | null {
  if (value == null) return null;
  return JSON.parse(
    JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member)),
  ) as Fields;
}

function bounded(value: unknown): unknown {
  const characters = JSON.stringify(value).length;
  if (characters <= MAX_CHARACTERS) return value;
  return { truncated: true, characters, fields: Object.keys(value as Fields).slice(0, 100) };
}

/** Text of bounded length that PostgreSQL can store. */
export function clipped(text: string, length: number): string {
  const whole = text.replaceAll('\u0000', '');
  return (whole.length > length ? `${whole.slice(0, length - 1)}…` : whole).toWellFormed();
}
