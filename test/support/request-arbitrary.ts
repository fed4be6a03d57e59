import * as fc from 'fast-check';
import type { Contract, Operation, Parameter } from './openapi-contract.js';
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
  /** JSON to be sent, or text that goes over the wire as it is. */
  body?: { json: unknown } | { raw: string };
}

const ODD_SEGMENTS = [
  '%2e%2e',
  '..',
  '.',
  '%2e',
  '%2f',
  '%5c',
  '%00',
  'a%00b',
  '%',
  '%zz',
  '%ff',
  '%ed%a0%80',
  '%c0%ae%c0%ae',
  '%f0%9f%92%a9',
  ';',
  ';a=b',
  '*',
  ':id',
  '-1',
  '0',
  '1e400',
  'NaN',
  'null',
  'undefined',
  '%27%20OR%201=1--',
  '%0d%0aX-Injected:%201',
  '00000000-0000-0000-0000-000000000000',
  'x'.repeat(1_025),
  'x'.repeat(10_240),
  '%41'.repeat(2_000),
  '',
];
const ODD_QUERIES = ['', '', '', '', 'unknown=1', '&&=&', '%', '%ff=%ff', 'a[b]=1', '__proto__=1', 'page=1&page=2', 'x='.repeat(1_200), 'q=%00'];
const ODD_AUTHORIZATION = [
  '',
  'Bearer',
  'Bearer ',
  'bearer   {token}  ',
  'Bearer {token}x',
  'Bearer {token}, Bearer {token}',
  'Basic YWRtaW46YWRtaW4=',
  'Bearer null',
  'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.',
  'Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Il9fcHJvdG9fXyJ9.e30.AAAA',
  'Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6IlxcdTAwMDAifQ.e30.AAAA',
  'Bearer bnVsbA.bnVsbA.bnVsbA',
  'Bearer einfra_00000000000000000000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'Bearer er_00000000000000000000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  `Bearer ${'x'.repeat(8_000)}`,
  '\u00ff\u00fe',
];
const ODD_HEADERS: Record<string, string[]> = {
  'if-match': ['*', '""', '"x"', '1', 'W/"1"', '"1", "2"', '"-1"', '"999999999999999"', '"9999999999999999"', '"1e3"', '\u00ff'],
  'idempotency-key': ['', ' ', 'x'.repeat(255), 'x'.repeat(256), 'with space', '\u00ff', '"quoted"', '%00'],
  'content-type': [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json;',
    'Application/JSON',
    'application/merge-patch+json',
    'json',
    '',
    'a/b/c',
    '\u00ff',
  ],
  accept: ['text/xml', 'application/json;q=0', '', 'text/event-stream', '*/*;q=x'],
  'accept-encoding': ['br', 'identity;q=0', 'gzip'],
  'content-encoding': ['gzip', 'deflate', 'x'],
  'x-request-id': ['ok-1', '', 'x'.repeat(129), 'with space', '\u00e9', '{{7*7}}'],
  traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-0-0-0'],
  'user-agent': ['', '\u00ff', 'x'.repeat(5_000)],
  'x-forwarded-for': ['garbage', '::1', '::ffff:127.0.0.1', '1.2.3.4, 5.6.7.8', 'x'.repeat(300)],
  'x-http-method-override': ['DELETE'],
  cookie: ['a=b; __proto__=c'],
  host: ['evil.example', ''],
  range: ['bytes=0-1'],
  'if-none-match': ['*', '"1"'],
};
const RAW_BODIES = [
  '',
  ' ',
  '\n',
  '{',
  '[',
  '}',
  '"',
  'null',
  'true',
  '1e400',
  '-1e400',
  'NaN',
  'Infinity',
  '{"name":1e400}',
  '{"name":"a","name":"b"}',
  '{"__proto__":{"admin":true}}',
  '{"a":{"constructor":{"prototype":{"x":1}}}}',
  '{"name":"\\ud800"}',
  '{"name":"\\u0000"}',
  '{"name":"a"}{"name":"b"}',
  '{"name":"a",}',
  "{'name':'a'}",
  '\ufeff{"name":"a"}',
  '{"n":' + '9'.repeat(5_000) + '}',
  '['.repeat(20_000) + ']'.repeat(20_000),
  '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000),
  '"' + 'x'.repeat(100_000) + '"',
  '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
  '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
];

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
      Object.fromEntries(named('path').map(({ name }) => [name, fc.oneof(knownId(operation.path, name), fc.constantFrom(...ODD_SEGMENTS))])),
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
  ) as fc.Arbitrary<RequestPlan>;
}

/** Ids are remembered by the list they come from: `/api/teams/{id}` takes one of `/api/teams`, `{userId}` one of `/api/users`. */
function knownId(path: string, name: string): fc.Arbitrary<Remembered | string> {
  const kind = name === 'id' ? path.slice(0, path.indexOf('/{id}')) : `/api/${name.replace(/Id$/, '')}s`;
  return fc.oneof({ weight: 8, arbitrary: remembered(kind) }, { weight: 1, arbitrary: remembered('id') }, { weight: 1, arbitrary: fc.uuid() });
}

function queryOf(contract: Contract, parameters: Parameter[]): fc.Arbitrary<[string, unknown][]> {
  if (parameters.length === 0) return fc.constant([]);
  const one = fc.constantFrom(...parameters).chain(({ name, schema }) => valid(contract, schema, name).map((value): [string, unknown] => [name, value]));
  const required = parameters.filter((parameter) => parameter.required);
  const always = fc.tuple(...required.map(({ name, schema }) => valid(contract, schema, name).map((value): [string, unknown] => [name, value])));
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
  const known = parameters.map(({ name }) => [name.toLowerCase(), values[name] ?? fc.constantFrom(...ODD_TEXTS)] as const);
  const given = fc.record(Object.fromEntries(known), { requiredKeys: [] });
  return fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: given });
}

const oddHeaders = fc.array(
  fc
    .constantFrom(...Object.keys(ODD_HEADERS))
    .chain((name) => fc.constantFrom(...(ODD_HEADERS[name] as string[])).map((value): [string, string] => [name, value])),
  { minLength: 1, maxLength: 2 },
).map((entries): Record<string, unknown> => Object.fromEntries(entries));

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
