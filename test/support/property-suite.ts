import { randomInt } from 'node:crypto';
import * as fc from 'fast-check';
import { startNodeExporter, type NodeExporterStub } from '../stubs/node-exporter.js';
import { type BuiltApp, startBuiltApp } from './built-app.js';
import { Contract, type OpenApiDocument, type Operation } from './openapi-contract.js';
import { KEEPER_PASSWORD, PropertyWorld } from './property-world.js';
import { jsonOf, type RawRequest, sendBytes } from './raw-http.js';
import { requestFor, type RequestPlan } from './request-arbitrary.js';

export interface PropertyOptions {
  /** Requests for each operation. */
  runs: number;
  seed: number;
}

/** How much of a failing request is worth printing. */
const SHOWN = 400;

/** They need a machine that is reached by SSH, or a moment or text that generated requests don't meet; specs of their own show them succeed. */
const OUT_OF_REACH = /^(Services|Processes|Exec)_|^(Operations_retry|StreamTickets_create|Push_push|Webhooks_replay)$/;

/**
 * Every operation of the document is asked with generated input, and every answer compared with what is documented.
 * `PROPERTY_RUNS` and `PROPERTY_SEED` change how much and which; `PROPERTY_ONLY` is a part of the operations' names.
 */
export function describeProperties(defaults: PropertyOptions): void {
  const runs = Number(process.env['PROPERTY_RUNS'] ?? defaults.runs);
  const seed = Number(process.env['PROPERTY_SEED'] ?? defaults.seed);
  const only = process.env['PROPERTY_ONLY'] ?? '';
  const timeoutMs = 120_000 + runs * 3_000;

  describe(`the OpenAPI document, with ${runs} requests for each operation (PROPERTY_SEED=${seed})`, () => {
    let app: BuiltApp;
    let stub: NodeExporterStub;
    let contract: Contract;
    let world: PropertyWorld;
    const successes = new Map<string, number>();

    beforeAll(async () => {
      stub = await startNodeExporter();
      // production, so that no generated address leads anywhere but to the stand-in
      app = await startBuiltApp({
        NODE_ENV: 'production',
        OUTBOUND_ALLOW: '127.0.0.1',
        UPSTREAM_TIMEOUT: '1',
        TRUSTED_PROXIES: '1',
        LOG_LEVEL: 'warn',
        ADMIN_PASSWORD: KEEPER_PASSWORD,
      });
      world = new PropertyWorld(app);
      const document = await world.ask({ method: 'GET', path: '/api/openapi.json', headers: {} });
      contract = new Contract(jsonOf(document) as OpenApiDocument);
      const lists = contract.operations.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
      await world.create(
        stub.url,
        lists.map(({ path }) => path),
      );
    }, 60_000);

    afterAll(async () => {
      world.agent.destroy();
      await app.remove();
      await stub.close();
    });

    it(
      'is kept by every answer',
      async () => {
        const failures: string[] = [];
        for (const operation of contract.operations) {
          if (operation.operationId.includes(only)) failures.push(...(await violationsOf(operation)));
          if (app.ended()) break;
        }
        expect(failures.join('\n\n')).toBe('');
      },
      timeoutMs,
    );

    it('was met by requests that succeed, too', () => {
      const never = contract.operations.filter(
        ({ operationId }) =>
          operationId.includes(only) && !successes.get(operationId) && !OUT_OF_REACH.test(operationId),
      );
      expect(never.map(({ operationId }) => operationId)).toEqual([]);
    });

    it(
      'knows every way in: anything else is a problem document',
      async () => {
        const property = fc.asyncProperty(strayRequest(contract), async (request) => {
          const answer = await world.ask(request);
          report(contract.violationsOutside(answer), request, answer.text);
        });
        await fc.assert(property, { seed, numRuns: runs * 5 });
      },
      timeoutMs,
    );

    it.each([
      ['bytes that are no HTTP', '\x16\x03\x01\0\xff\r\n\r\n', 400],
      ['a header name with a space', 'GET /api/me HTTP/1.1\r\nHo st: x\r\n\r\n', 400],
      ['two lengths', 'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
      [
        'length and chunks',
        'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
        400,
      ],
      ['a header without an end', `GET /api/me HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}`, 431],
    ])('answers %s with a problem', async (_, bytes, status) => {
      const answer = await sendBytes(app.address, bytes);
      expect(answer.status).toBe(status);
      report(contract.violationsOutside(answer), { method: '', path: bytes, headers: {} }, answer.text);
    });

    it('leaves the application as it should be', async () => {
      expect(app.ended()).toBeNull();
      expect(jsonOf(await world.ask({ method: 'GET', path: '/health/ready', headers: {} }))).toMatchObject({
        status: 'ok',
      });
      expect(await world.askKeeper('GET', '/api/audit/verify')).toMatchObject({ valid: true, firstInvalid: null });
      expect(app.output()).not.toMatch(/unexpected failure|uncaught|unhandled/i);
    }, 30_000);

    async function violationsOf(operation: Operation): Promise<string[]> {
      const check = async (plan: RequestPlan): Promise<void> => {
        const request = world.requestOf(operation, plan);
        const answer = await world.ask(request).catch((error: Error) => {
          throw new Error(`no answer (${error.message}, process: ${app.ended() ?? 'running'})\n${shown(request)}`);
        });
        if (answer.status < 300) successes.set(operation.operationId, (successes.get(operation.operationId) ?? 0) + 1);
        world.learn(request.path, answer);
        await world.restore(plan, operation, answer);
        report(contract.violations(operation, answer), request, answer.text);
      };
      const property = fc.asyncProperty(requestFor(contract, operation), check);
      const details = await fc.check(property, {
        seed,
        numRuns: runs,
        interruptAfterTimeLimit: timeoutMs / 4,
      });
      if (!details.failed) return [];
      const found =
        details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance);
      return [
        `${operation.operationId} (PROPERTY_SEED=${seed} PROPERTY_RUNS=${runs}, path ${details.counterexamplePath})\n${found}`,
      ];
    }
  });
}

/** Methods and paths that are not in the document. */
function strayRequest({ operations }: Contract): fc.Arbitrary<RawRequest> {
  const paths = [...new Set(operations.map(({ path }) => path))];
  const id = '00000000-0000-4000-8000-000000000000';
  const documented = new Set(operations.map(({ method, path }) => `${method} ${path}`));
  const wrongMethod = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'),
      fc.constantFrom(...paths),
    )
    .filter(([method, path]) => !documented.has(`${method} ${path}`))
    .map(([method, path]) => ({ method, path: path.replace(/\{\w+\}/g, id) }));
  const wrongPath = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'DELETE'),
      fc.constantFrom(...paths),
      fc.constantFrom('/', '//', '/..', '/%2e%2e', '%00', '/x', ';a', '%', '\u00ff', '/%ff', '.json'),
    )
    .map(([method, path, end]) => ({ method, path: path.replace(/\{\w+\}/g, id) + end }));
  return fc.oneof(wrongMethod, wrongPath).map((request) => ({ ...request, headers: {} }));
}

function report(violations: string[], request: RawRequest, answer: string): void {
  if (violations.length === 0) return;
  throw new Error(`${violations.join('\n')}\n${shown(request)}\nanswer ${answer.slice(0, SHOWN)}`);
}

function shown({ method, path, headers, body }: RawRequest): string {
  const { authorization, ...others } = headers;
  const lines = [
    `${method} ${path}`,
    `headers ${JSON.stringify({ ...others, authorization: authorization?.slice(0, 20) })}`,
  ];
  if (body !== undefined) lines.push(`body ${JSON.stringify(String(body).slice(0, SHOWN))}`);
  return lines.map((line) => line.slice(0, SHOWN)).join('\n');
}

/** A seed that differs from run to run. */
export function anySeed(): number {
  return randomInt(2 ** 31);
}
