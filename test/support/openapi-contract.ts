import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { jsonOf, type RawAnswer } from './raw-http.js';

/** As much of JSON Schema as our document uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  example?: unknown;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

interface DocumentedResponse {
  content?: Record<string, { schema?: Schema }>;
}

interface DocumentedOperation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, DocumentedResponse>;
}

/** One operation of the document. */
export interface Operation extends DocumentedOperation {
  method: string;
  path: string;
}

export interface OpenApiDocument {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema> };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
/** What an answer must never hold: a stack, the text of a statement or of the database. */
const INTERNALS =
  /\n\s+at |node_modules|\b(SELECT|INSERT INTO|UPDATE|DELETE FROM) \w|syntax error|violates|\.[jt]s:\d|QueryFailed|typeorm|pglite/;

/** What the document promises, as checks of answers. */
export class Contract {
  /** Reading ones first, and removing ones last, inner things before those around them: so that there is something to meet. */
  readonly operations: Operation[];
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly compiled = new Map<string, ValidateFunction>();

  constructor(readonly document: OpenApiDocument) {
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: 'document', components: closed(document.components) });
    this.operations = METHODS.flatMap((method) => {
      const found = Object.entries(document.paths).flatMap(([path, item]) => {
        const operation = item[method];
        return operation ? [{ ...operation, method: method.toUpperCase(), path }] : [];
      });
      return method === 'delete' ? found.sort((a, b) => b.path.length - a.path.length) : found;
    });
  }

  /** The schema that a reference means. */
  resolve(schema: Schema): Schema {
    const name = schema.$ref?.split('/').at(-1);
    return name === undefined ? schema : this.resolve(this.document.components.schemas[name] as Schema);
  }

  /** Everything that is wrong with an answer to the operation. */
  violations(operation: Operation, answer: RawAnswer): string[] {
    const documented = operation.responses[answer.status];
    const wrong = mistakes(answer);
    if (!documented) return [...wrong, `status ${answer.status} is not documented`];
    if (answer.status >= 400)
      return [...wrong, ...this.problemMistakes(answer), ...this.bodyMistakes(operation, answer)];
    if (answer.status === 201 && !answer.headers.location) wrong.push('201 without Location');
    return [...wrong, ...this.bodyMistakes(operation, answer)];
  }

  /** Everything that is wrong with an answer to a request for nothing that is documented. */
  violationsOutside(answer: RawAnswer): string[] {
    const wrong = mistakes(answer);
    if (answer.status < 400) wrong.push(`status ${answer.status} for what is not documented`);
    return [...wrong, ...this.problemMistakes(answer)];
  }

  private problemMistakes({ status, headers, text }: RawAnswer): string[] {
    // HEAD has no body, and the health check answers its own view
    if (!headers['content-type']?.startsWith('application/problem+json')) return [];
    const problem = JSON.parse(text) as Record<string, unknown>;
    const wrong = this.check('#/components/schemas/Problem', { $ref: 'document#/components/schemas/Problem' }, problem);
    if (problem['status'] !== status) wrong.push('the status of the problem is not that of the answer');
    if (problem['requestId'] !== headers['x-request-id']) wrong.push('the requestId is not X-Request-Id');
    return wrong;
  }

  private bodyMistakes({ operationId, responses }: Operation, answer: RawAnswer): string[] {
    const content = responses[answer.status]?.content ?? {};
    const types = Object.keys(content);
    if (types.length === 0) return answer.text === '' ? [] : ['a body where none is documented'];
    const type = String(answer.headers['content-type'] ?? '').split(';')[0] as string;
    const documented = content[type];
    if (!documented) return [`content type “${type}” is not documented (${types.join(', ')})`];
    if (!documented.schema || !/json$/.test(type) || /ndjson/.test(type)) return [];
    return this.check(`${operationId} ${answer.status} ${type}`, closed(documented.schema), jsonOf(answer));
  }

  private check(key: string, schema: Schema, value: unknown): string[] {
    let validate = this.compiled.get(key);
    if (!validate) {
      validate = this.ajv.compile(
        JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components')) as object,
      );
      this.compiled.set(key, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `body${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** What holds for every answer. */
function mistakes({ status, headers, text, ms }: RawAnswer): string[] {
  const wrong: string[] = [];
  if (status >= 500) wrong.push(`status ${status}`);
  if (ms > 5_000) wrong.push(`took ${Math.round(ms)} ms`);
  if (!headers['x-request-id']) wrong.push('no X-Request-Id');
  if (status >= 400 && INTERNALS.test(text)) wrong.push('tells of its inside');
  return wrong;
}

/** The same schema, in which objects with known fields have no others. Problems may say more than every problem says. */
function closed<T>(schema: T, name = ''): T {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((member) => closed(member as unknown)) as T;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, member]) => [key, closed(member as unknown, key)]));
  const isObject = typeof copy['properties'] === 'object' && copy['type'] !== undefined;
  if (isObject && name !== 'Problem' && copy['additionalProperties'] === undefined)
    copy['additionalProperties'] = false;
  return copy as T;
}
