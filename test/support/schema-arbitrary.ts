import * as fc from 'fast-check';
import type { Contract, Schema } from './openapi-contract.js';

/**
 * Stands for a value that the application has given out under a field of this name; put in when the request is sent.
 * `pick` counts back from the latest.
 */
export class Remembered {
  constructor(
    readonly name: string,
    readonly pick: number,
    readonly otherwise = '00000000-0000-4000-8000-000000000000',
  ) {}
}

/** Latest ones above all: much of what was made earlier has been removed since. */
export function remembered(name: string, otherwise?: string): fc.Arbitrary<Remembered> {
  return fc.oneof(fc.nat(2), fc.nat(50)).map((pick) => new Remembered(name, pick, otherwise));
}

/** Texts that programs trip over. */
export const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfffy',
  '\u202e\u0000',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 Ⅷ ﷽',
  'ſtraße İ ı K',
  '\u200b\ufeff',
  '\r\nX-Injected: 1',
  '../../../etc/passwd',
  '%2e%2e%2f',
  '%00',
  '..;/',
  "' OR 1=1; --",
  '${7*7}{{7*7}}',
  '$1',
  '*',
  '\\',
  '%_\\%',
  '__proto__',
  'constructor',
  'null',
  'NaN',
  'Infinity',
  '1e400',
  '-1',
  '0x10',
  '9'.repeat(400),
  'x'.repeat(10_240),
  '\u0301'.repeat(300),
  '2027-02-31T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '1970-01-01',
  '9999-12-31T23:59:60Z',
];

const ODD_NUMBERS = [
  0,
  -0,
  -1,
  1.5,
  1e21,
  -1e21,
  1e308,
  Number.MAX_SAFE_INTEGER + 1,
  Number.MIN_VALUE,
  2 ** 31,
  -(2 ** 63),
];

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < depth; level++) value = level % 2 ? { a: value } : [value];
  return value;
}

/** Any JSON, and above all what is likely to be handled badly. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...ODD_TEXTS),
  fc.constantFrom<unknown>(...ODD_NUMBERS),
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], nested(31), nested(33), nested(500)),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
  remembered('id'),
);

/** Values that a schema allows, as far as it says so. `name` is that of the field, with the field it lies in: `subject.id`. */
export function valid(contract: Contract, schemaOrRef: Schema, name = ''): fc.Arbitrary<unknown> {
  const schema = contract.resolve(schemaOrRef);
  if (schema.enum) return fc.oneof(fc.constantFrom(...schema.enum), remembered(name, String(schema.enum[0])));
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) return fc.oneof(...variants.map((variant) => valid(contract, variant, name)));
  const types = [schema.type ?? 'object'].flat();
  const [first, ...others] = types.map((type) => ({
    weight: type === 'null' ? 1 : 5,
    arbitrary: ofType(contract, schema, type, name),
  }));
  return others.length === 0 ? first!.arbitrary : fc.oneof(first!, ...others);
}

function ofType(contract: Contract, schema: Schema, type: string, name: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number':
      return numbers(schema);
    case 'array':
      return fc.array(valid(contract, schema.items ?? {}, name), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case 'string':
      return texts(schema, name);
    default:
      return objects(contract, schema, name);
  }
}

function numbers({ minimum = -1000, maximum = 1_000_000, example }: Schema): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: Math.ceil(minimum), max: Math.floor(maximum) }),
    fc.constantFrom(minimum, maximum, ...(typeof example === 'number' ? [example] : [])),
  );
}

function texts({ example, format, minLength = 0, maxLength = 60 }: Schema, name: string): fc.Arbitrary<unknown> {
  if (format === 'uuid') return fc.oneof({ weight: 4, arbitrary: remembered(name) }, fc.uuid());
  const choices: fc.WeightedArbitrary<unknown>[] = [
    { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9]{11,14}$/) },
    { weight: 5, arbitrary: remembered(name, 'nothing') },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 60) }) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(maxLength), 'x'.repeat(minLength)) },
  ];
  if (typeof example === 'string') choices.push({ weight: 4, arbitrary: fc.constant(example) });
  if (format === 'date-time' || isTime(example)) choices.push({ weight: 6, arbitrary: times });
  return fc.oneof(...choices);
}

/** Around now, since most times only mean something there. */
const times = fc
  .integer({ min: -40 * 86_400, max: 300 * 86_400 })
  .map((seconds) => new Date(Date.now() + seconds * 1000).toISOString());

function isTime(example: unknown): boolean {
  return typeof example === 'string' && /^\d{4}-\d\d-\d\dT/.test(example);
}

function objects(contract: Contract, { properties = {}, required = [] }: Schema, outer: string): fc.Arbitrary<object> {
  const parent = outer.split('.').at(-1);
  const entries = Object.entries(properties).map(
    ([name, schema]) => [name, valid(contract, schema, parent ? `${parent}.${name}` : name)] as const,
  );
  const least = Object.fromEntries(entries.filter(([name]) => required.includes(name)));
  return fc.oneof(fc.record(least), fc.record(Object.fromEntries(entries), { requiredKeys: required }));
}

/** Does something to a value that its schema did not foresee, at a place chosen by `at`. */
export interface Mutation {
  kind: 'replace' | 'remove' | 'add' | 'wrap';
  at: number;
  value: unknown;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'wrap'),
  at: fc.nat(50),
  value: oddValue,
});

/** A changed copy. */
export function mutate(value: unknown, { kind, at, value: odd }: Mutation): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Remembered)
    return kind === 'wrap' ? [value] : odd;
  const copy: any = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const keys = Object.keys(value);
  const key = keys[at % Math.max(1, keys.length)];
  if (key === undefined || kind === 'add') {
    if (Array.isArray(copy)) copy.push(odd);
    else copy[ODD_NAMES[at % ODD_NAMES.length] as string] = odd;
  } else if (kind === 'remove') delete copy[key];
  else if (kind === 'wrap') copy[key] = [copy[key]];
  else if (at % 3 === 0) copy[key] = mutate(copy[key], { kind, at: Math.floor(at / 3), value: odd });
  else copy[key] = odd;
  return copy;
}

const ODD_NAMES = [
  'extra',
  '',
  'toString',
  'constructor',
  'id',
  'a\u0000b',
  '\ud800',
  'x'.repeat(5_000),
  '$where',
  'version',
];
