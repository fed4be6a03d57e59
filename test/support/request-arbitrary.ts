import * as fc from 'fast-check';
import type { Contract, Operation, Parameter } from './openapi-contract.js';
import { ODD_AUTHORIZATION, ODD_HEADERS, ODD_QUERIES, ODD_SEGMENTS, RAW_BODIES } from './odd-requests.js';
import { mutate, mutation, ODD_TEXTS, oddValue, type Remembered, remembered, valid } from './schema-arbitrary.js';

export type Actor = 'admin' | 'viewer' | 'nobody';

/** A request as it is generated: ids and tokens are put in when it is sent. */
export interface RequestPlan {
  actor: Actor;
  /** Instead of the actor's token; `{token}` stands for it. */
  authorization?: string;
  /** For each path parameter an id that exists, or text that goes into the path as it is. */
  path: Record<string, Remembered | string>;
  query: [name: string, value: unknown][];
  /** Appended to the query as it is. */
  rawQuery: string;
  headers: Record<string, unknown>;
  /** JSON to be sent, or bytes (a character is one) that go over the wire as they are. */
  body?: { json: unknown } | { raw: string };
}

/** Requests for an operation: about half of them as documented, the others with something wrong at one place or several. */
export function requestFor(contract: Contract, operation: Operation): fc.Arbitrary<RequestPlan> {
  const parameters = operation.parameters ?? [];
  const named = (place: Parameter['in']): Parameter[] => parameters.filter((parameter) => parameter.in === place);
  const good = {
    path: fc.record(Object.fromEntries(named('path').map(({ name }) => [name, knownId(operation.path, name)]))),
    query: queryOf(contract, named('query')),
    headers: headersOf(named('header')),
    body: goodBody(contract, operation),
  };
  const odd = {
    path: fc.record(
      Object.fromEntries(
        named('path').map(({ name }) => [
          name,
          fc.oneof(knownId(operation.path, name), fc.constantFrom(...ODD_SEGMENTS)),
        ]),
      ),
    ),
    query: oddQuery(good.query, named('query')),
    headers: fc.oneof(good.headers, oddHeaders),
    body: oddBody(good.body),
  };
  const asDocumented = fc.record({
    actor: fc.constantFrom<Actor>('admin', 'admin', 'admin', 'admin', 'viewer', 'nobody'),
    path: good.path,
    query: good.query,
    rawQuery: fc.constant(''),
    headers: good.headers,
    body: good.body,
  });
  const broken = fc.record(
    {
      actor: fc.constantFrom<Actor>('admin', 'admin', 'admin', 'viewer', 'nobody'),
      authorization: fc.constantFrom(...ODD_AUTHORIZATION),
      path: fc.oneof(good.path, odd.path),
      query: fc.oneof(good.query, odd.query),
      rawQuery: fc.constantFrom(...ODD_QUERIES),
      headers: fc.oneof(good.headers, odd.headers),
      body: fc.oneof(good.body, odd.body),
    },
    { requiredKeys: ['actor', 'path', 'query', 'rawQuery', 'headers', 'body'] },
  );
  // a wrong Authorization would hide everything behind it, so it is rare
  const signedIn = broken.map(({ authorization: _, ...plan }) => plan);
  return fc.oneof(
    { weight: 8, arbitrary: asDocumented },
    { weight: 7, arbitrary: signedIn },
    { weight: 1, arbitrary: broken },
  );
}

/** Ids, or names of what has no id, are remembered by the list they come from: `/api/teams/{id}` takes one of `/api/teams`, `{userId}` one of `/api/users`. */
function knownId(path: string, name: string): fc.Arbitrary<Remembered | string> {
  const own = name === 'id' || name === 'name';
  const kind = own ? path.slice(0, path.indexOf(`/{${name}}`)) : `/api/${name.replace(/Id$/, '')}s`;
  return fc.oneof(
    { weight: 8, arbitrary: remembered(kind) },
    { weight: 1, arbitrary: remembered('id') },
    { weight: 1, arbitrary: fc.uuid() },
  );
}

function queryOf(contract: Contract, parameters: Parameter[]): fc.Arbitrary<[string, unknown][]> {
  if (parameters.length === 0) return fc.constant([]);
  const one = fc
    .constantFrom(...parameters)
    .chain(({ name, schema }) => valid(contract, schema, name).map((value): [string, unknown] => [name, value]));
  const required = parameters.filter((parameter) => parameter.required);
  const always = fc.tuple(
    ...required.map(({ name, schema }) =>
      valid(contract, schema, name).map((value): [string, unknown] => [name, value]),
    ),
  );
  return fc.tuple(always, fc.array(one, { maxLength: 2 })).map(([first, more]) => {
    const taken = new Map([...more, ...first]);
    return [...taken];
  });
}

function oddQuery(good: fc.Arbitrary<[string, unknown][]>, parameters: Parameter[]): fc.Arbitrary<[string, unknown][]> {
  const name = fc.constantFrom(...parameters.map((parameter) => parameter.name), 'page', 'cursor', 'extra', 'q[]');
  return fc.tuple(good, fc.tuple(name, oddValue)).map(([query, odd]) => [...query, odd]);
}

function headersOf(parameters: Parameter[]): fc.Arbitrary<Record<string, unknown>> {
  const values: Record<string, fc.Arbitrary<unknown>> = {
    'If-Match': fc.constantFrom('"1"', '"1"', '"2"', '*'),
    'Idempotency-Key': fc.oneof(fc.uuid(), fc.constantFrom('key-1', 'key-2')),
  };
  const known = parameters.map(
    ({ name }) => [name.toLowerCase(), values[name] ?? fc.constantFrom(...ODD_TEXTS)] as const,
  );
  const given = fc.record(Object.fromEntries(known), { requiredKeys: [] });
  return fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: given });
}

const oddHeaders = fc
  .array(
    fc
      .constantFrom(...Object.keys(ODD_HEADERS))
      .chain((name) => fc.constantFrom(...(ODD_HEADERS[name] ?? [])).map((value): [string, string] => [name, value])),
    { minLength: 1, maxLength: 2 },
  )
  .map((entries): Record<string, unknown> => Object.fromEntries(entries));

type BodyPlan = RequestPlan['body'];

function goodBody(contract: Contract, { requestBody }: Operation): fc.Arbitrary<BodyPlan> {
  const schema = requestBody?.content['application/json']?.schema;
  return schema ? valid(contract, schema).map((json) => ({ json })) : fc.constant(undefined);
}

function oddBody(good: fc.Arbitrary<BodyPlan>): fc.Arbitrary<BodyPlan> {
  const mutated = fc
    .tuple(good, fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([body, mutations]) => ({ json: mutations.reduce<unknown>(mutate, body && 'json' in body ? body.json : {}) }));
  return fc.oneof(
    { weight: 6, arbitrary: mutated },
    { weight: 2, arbitrary: fc.constantFrom(...RAW_BODIES).map((raw) => ({ raw })) },
    { weight: 1, arbitrary: oddValue.map((json) => ({ json })) },
  );
}
