import { OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.js';
import { newDatabase, type Replica, Replicas, until } from './replicas.js';
import { nodeExporter, postgres, type PostgresService, type Service } from './services.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const CALLERS = { traceparent: `00-${TRACE}-${SPAN}-01` };
const SERVER_SPAN = 2;
const CLIENT_SPAN = 3;

describe('traces', () => {
  let database: PostgresService;
  let exporter: Service;
  let receiver: OtlpReceiver;
  let replicas: Replicas;
  let traced: Replica;
  let token: string;

  beforeAll(async () => {
    [database, exporter, receiver] = await Promise.all([postgres(), nodeExporter(), OtlpReceiver.start()]);
    replicas = new Replicas({ DATABASE_URL: await newDatabase(database), LOG_LEVEL: 'info' });
    traced = await replicas.start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    token = await traced.signIn();
  }, 120_000);

  afterAll(async () => {
    await replicas?.endAll();
    receiver?.stop();
    await Promise.all([database?.stop(), exporter?.stop()]);
  });

  const spansOf = (traceId: string): ReceivedSpan[] => receiver.spans.filter((span) => span.traceId === traceId);
  const arrived = (what: string, isThere: () => boolean): Promise<number> =>
    until(what, () => Promise.resolve(isThere()), 5_000);

  it('follow a request through SQL and the call to a remote system', async () => {
    const source = { type: 'node-exporter', url: `${exporter.url}/metrics?token=query-secret` };
    const tested = await traced.call('POST', '/api/servers/test', { name: 'x', source }, { token, headers: CALLERS });
    expect(tested.body).toMatchObject({ ok: true });
    const isRequest = ({ kind, parentSpanId }: ReceivedSpan): boolean => kind === SERVER_SPAN && parentSpanId === SPAN;
    await arrived('the span of the request', () => spansOf(TRACE).some(isRequest));
    const spans = spansOf(TRACE);
    const request = spans.find(isRequest)!;
    expect(request.name).toBe('POST /api/servers/test');
    expect(request.attributes['http.route']).toBe('/api/servers/test');
    const clients = spans.filter(({ kind }) => kind === CLIENT_SPAN);
    const statements = clients
      .map(({ attributes }) => attributes['db.statement'] ?? attributes['db.query.text'])
      .filter(Boolean);
    expect(statements).toEqual(expect.arrayContaining([expect.stringContaining('INSERT INTO audit_entries')]));
    const calls = clients.filter(({ attributes }) => JSON.stringify(attributes).includes(`${exporter.url}/metrics`));
    expect(calls).toHaveLength(1);
    const known = new Set([SPAN, ...spans.map(({ spanId }) => spanId)]);
    expect(spans.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''))).toEqual([]);
  });

  it('hold no secret, no query and no value of a statement', async () => {
    const secrets = ['password-in-the-body', 'query-secret', 'name-in-a-statement', token, token.split('.')[2]!];
    const user = { username: 'name-in-a-statement', password: 'password-in-the-body' };
    await traced.call('POST', '/api/users', user, { token });
    await traced.call('POST', '/api/login', user);
    await traced.call('GET', '/api/servers?q=query-secret', undefined, { token });
    await traced.call('GET', '/api/nowhere?access_token=query-secret', undefined, { token });
    const count = (name: string): number => receiver.spans.filter((span) => span.name === name).length;
    await arrived('the spans of the requests', () => count('POST /api/login') >= 2 && count('GET /api/servers') >= 1);
    expect(secrets.filter((secret) => receiver.text.includes(secret))).toEqual([]);
    expect(receiver.text).not.toMatch(/authorization|cookie/i);
  });

  it('are of requests only, without probes and what happens in the background', async () => {
    await traced.call('GET', '/health/ready');
    await traced.call('GET', '/metrics');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const roots = receiver.spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(new Set(roots.map(({ kind }) => kind))).toEqual(new Set([SERVER_SPAN]));
    expect(receiver.spans.map(({ name }) => name).filter((name) => /health|metrics$/.test(name))).toEqual([]);
  });

  it('send what waits when the process ends', async () => {
    const own = { traceparent: `00-${TRACE.replace('0af', '1bf')}-${SPAN}-01` };
    const other = await replicas.start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '600000',
    });
    await other.call('GET', '/api/me', undefined, { token, headers: own });
    expect(await other.end('SIGTERM')).toBe(0);
    expect(spansOf(own.traceparent.split('-')[1]!).map(({ name }) => name)).toContain('GET /api/me');
  });

  it('are named on every line of the log, those of the caller when there are no own', async () => {
    const plain = await replicas.start();
    for (const replica of [traced, plain]) await replica.call('GET', '/api/me', undefined, { token, headers: CALLERS });
    const lineOf = (replica: Replica): any =>
      replica
        .output()
        .split('\n')
        .filter((line) => line.includes('"/api/me"'))
        .map((line) => JSON.parse(line) as object)
        .at(-1);
    await arrived('the lines', () => [traced, plain].every((replica) => lineOf(replica) !== undefined));
    expect(lineOf(plain)).toMatchObject({ traceId: TRACE, spanId: SPAN });
    expect(lineOf(traced)).toMatchObject({ traceId: TRACE });
    expect(lineOf(traced).spanId).not.toBe(SPAN);
    expect(spansOf(TRACE).map(({ spanId }) => spanId)).toContain(lineOf(traced).spanId);
  });
});
