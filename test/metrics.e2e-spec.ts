import { startApp, type TestApp } from './harness.js';
import { type NodeExporterStub, startNodeExporter } from './stubs/node-exporter.js';

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** As much of the Prometheus text format as prom-client writes. */
function parse(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text_]) => [key, text_] as const);
      return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
    });
}

describe('/metrics', () => {
  let app: TestApp;
  let exporter: NodeExporterStub;

  beforeAll(async () => {
    [app, exporter] = await Promise.all([startApp({ RATE_LIMIT: '40' }), startNodeExporter()]);
  });

  afterAll(async () => {
    await app.close();
    await exporter.close();
  });

  const read = async (): Promise<Sample[]> => parse((await app.get('/metrics', { token: null })).text);
  const valueOf = async (name: string, labels: Record<string, string> = {}): Promise<number | undefined> =>
    (await read()).find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;

  it('needs no sign-in and is Prometheus text', async () => {
    const answer = await app.get('/metrics', { token: null });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(parse(answer.text).filter(({ name, value }) => name === '' || Number.isNaN(value))).toEqual([]);
  });

  it('counts requests by route, never by path: whatever is asked for, there are no more series', async () => {
    const made = (await app.post('/api/servers', { name: 'measured' })).body;
    await app.get(`/api/servers/${made.id}`);
    const seriesOf = (samples: Sample[]): number => samples.filter(({ name }) => name.startsWith('einfra_http')).length;
    const labels = { method: 'GET', route: '/api/servers/:id', status: '200' };
    expect(await valueOf('einfra_http_request_duration_seconds_count', labels)).toBe(1);
    await app.get('/api/servers/not-an-id');
    await app.get('/nowhere/at/all');
    await app.request('PROPFIND', '/api/servers');
    const before = await read();
    for (let i = 0; i < 5; i++) {
      await app.get(`/api/servers/nonsense-${i}?secret=${i}`);
      await app.get(`/nowhere/${i}?q=${i}`);
      await app.get(`/api/docs/${i}`);
    }
    const after = await read();
    expect(seriesOf(after) - seriesOf(before)).toBeLessThanOrEqual(2 * 20);
    const routes = new Set(after.map(({ labels: { route } }) => route).filter((route) => route !== undefined));
    expect([...routes].filter((route) => /nowhere|nonsense|\d/.test(route))).toEqual([]);
  });

  it('counts calls to remote systems by kind and outcome', async () => {
    const test = (url: string): Promise<unknown> =>
      app.post('/api/servers/test', { name: 'x', source: { type: 'node-exporter', url } });
    await test(exporter.urlOf(1));
    await test('http://127.0.0.1:1/metrics');
    const name = 'einfra_upstream_request_duration_seconds_count';
    expect(await valueOf(name, { kind: 'server', outcome: 'ok' })).toBeGreaterThanOrEqual(1);
    expect(await valueOf(name, { kind: 'server', outcome: 'error' })).toBeGreaterThanOrEqual(1);
  });

  it('counts what the cache saves', async () => {
    const before = (await valueOf('einfra_cache_reads', { outcome: 'hit' })) ?? 0;
    await app.get('/api/servers?q=cache');
    await app.get('/api/servers?q=cache');
    expect(await valueOf('einfra_cache_reads', { outcome: 'hit' })).toBe(before + 1);
  });

  it('counts failed sign-ins and what was refused because of its rate', async () => {
    await app.post('/api/login', { username: 'nobody', password: 'not this one' }, { token: null });
    expect(await valueOf('einfra_sign_in_failures_total', { reason: 'wrong' })).toBe(1);
    let refused = 0;
    for (let i = 0; i < 60; i++) if ((await app.get('/api/me')).status === 429) refused++;
    expect(refused).toBeGreaterThan(0);
    expect(await valueOf('einfra_rate_limit_refusals_total', { limit: 'caller' })).toBe(refused);
  });

  it('tells of the pool, the audit queue, the event loop and the process', async () => {
    expect(await valueOf('einfra_database_connections', { state: 'total' })).toBeGreaterThan(0);
    expect(await valueOf('einfra_database_connections', { state: 'waiting' })).toBe(0);
    expect(await valueOf('einfra_audit_queue')).toBe(0);
    expect(await valueOf('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
    expect(await valueOf('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  });
});
