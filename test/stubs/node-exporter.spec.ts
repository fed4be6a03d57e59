import { request, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type NodeExporterMode, type NodeExporterStub, startNodeExporter } from './node-exporter.js';

interface Outcome {
  status: number | null;
  headers: IncomingMessage['headers'];
  body: Buffer;
  /** Why it ended before its end; null when the answer is whole, `waiting` when time or `maxBytes` ran out first. */
  broken: string | null;
}

/** Asks as a scraper would, and takes what comes for a while. */
function scrape(
  url: string,
  headers: Record<string, string> = {},
  { maxBytes = 1_000_000, ms = 400 } = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const outcome: Outcome = { status: null, headers: {}, body: Buffer.alloc(0), broken: null };
    const finish = (broken: string | null): void => {
      clearTimeout(timer);
      resolve({ ...outcome, broken });
      client.destroy();
    };
    const timer = setTimeout(() => finish('waiting'), ms);
    const client = request(url, { headers, agent: false, maxHeaderSize: 16_384 }, (response) => {
      outcome.status = response.statusCode ?? null;
      outcome.headers = response.headers;
      response.on('data', (chunk: Buffer) => {
        outcome.body = Buffer.concat([outcome.body, chunk]);
        if (outcome.body.length > maxBytes) finish('waiting');
      });
      response.on('end', () => finish(null));
      response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    });
    client.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    client.end();
  });
}

/** The value of one line, found by its exact beginning. */
function valueOf(text: string | Buffer, line: string): number {
  const found = String(text)
    .split('\n')
    .find((candidate) => candidate.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

const BYTES = 'node_network_receive_bytes_total{device="eth0"}';

describe('the stand-in for node_exporter', () => {
  let stub: NodeExporterStub;
  let now: number;

  beforeEach(async () => {
    now = Date.UTC(2026, 0, 1);
    stub = await startNodeExporter({ now: () => now, uptimeSeconds: 1000, receiveBytesPerSecond: 100 });
  });
  afterEach(() => stub.close());

  const inMode = (mode: NodeExporterMode, headers = {}, limits = {}): Promise<Outcome> => {
    stub.setMode(mode);
    return scrape(stub.url, headers, limits);
  };

  it('answers a text of realistic size that ends with a line feed', async () => {
    const { status, headers, body, broken } = await scrape(stub.url);
    expect({ status, broken, type: headers['content-type'] }).toEqual({
      status: 200,
      broken: null,
      type: 'text/plain; version=0.0.4; charset=utf-8',
    });
    expect(body.length).toBeGreaterThan(50_000);
    expect(body.length).toBeLessThan(150_000);
    expect(body.at(-1)).toBe(10);
  });

  it('counts with the time', async () => {
    expect(valueOf((await scrape(stub.url)).body, BYTES)).toBe(100_000);
    now += 10_000;
    const { body } = await scrape(stub.url);
    expect(valueOf(body, BYTES)).toBe(101_000);
    expect(valueOf(body, 'node_time_seconds') - valueOf(body, 'node_boot_time_seconds')).toBe(1010);
  });

  it('compresses for who accepts it', async () => {
    const { headers, body } = await scrape(stub.url, { 'accept-encoding': 'gzip' });
    expect(headers['content-encoding']).toBe('gzip');
    expect(valueOf(gunzipSync(body), BYTES)).toBe(100_000);
  });

  it('has many machines, each with its own mode and boot', async () => {
    stub.setMode('http-500', 7);
    stub.setMode('reboot', 8);
    now += 1000;
    expect((await scrape(stub.urlOf(7))).status).toBe(500);
    expect(valueOf((await scrape(stub.urlOf(8))).body, BYTES)).toBe(100);
    expect(valueOf((await scrape(stub.urlOf(9))).body, BYTES)).toBe(100_100);
  });

  it('keeps what was asked', async () => {
    await scrape(stub.url, { 'x-test': 'yes' });
    await scrape(`http://127.0.0.1:${stub.port}/other`);
    expect(stub.requests.map(({ method, path, headers }) => [method, path, headers['x-test']])).toEqual([
      ['GET', '/metrics', 'yes'],
      ['GET', '/other', undefined],
    ]);
  });

  it('answers 404 elsewhere and a page at the root', async () => {
    expect((await scrape(`http://127.0.0.1:${stub.port}/other`)).status).toBe(404);
    const root = await scrape(`http://127.0.0.1:${stub.port}/`);
    expect([root.status, root.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('reboot: counters start again and go on', async () => {
    stub.setMode('reboot');
    now += 5000;
    const { body } = await scrape(stub.url);
    expect(valueOf(body, BYTES)).toBe(500);
    expect(valueOf(body, 'node_boot_time_seconds')).toBe(now / 1000 - 5);
  });

  it('hang: accepts and says nothing', async () => {
    expect(await inMode('hang')).toMatchObject({ status: null, broken: 'waiting' });
    expect(stub.requests).toHaveLength(1);
  });

  it('slow-drip: a byte a second', async () => {
    const { status, body, broken } = await inMode('slow-drip', {}, { ms: 1500 });
    expect({ status, body: body.toString(), broken }).toEqual({ status: 200, body: '# ', broken: 'waiting' });
  });

  it('http-500, html and redirect: answers that are no metrics', async () => {
    expect((await inMode('http-500')).status).toBe(500);
    const html = await inMode('html');
    expect([html.status, html.body.toString().slice(0, 9)]).toEqual([200, '<!DOCTYPE']);
    const redirect = await inMode('redirect');
    expect([redirect.status, redirect.headers.location]).toEqual([302, 'http://169.254.169.254/']);
  });

  it('huge: does not end within what anybody should take', async () => {
    const { status, body, broken } = await inMode('huge', {}, { maxBytes: 5_000_000, ms: 5000 });
    expect({ status, broken }).toEqual({ status: 200, broken: 'waiting' });
    expect(body.length).toBeGreaterThan(5_000_000);
  });

  it('gzip-bomb: little on the wire is much when opened', async () => {
    const { headers, body } = await inMode('gzip-bomb', {}, { maxBytes: 100_000, ms: 5000 });
    expect(headers['content-encoding']).toBe('gzip');
    const opened = gunzipSync(body, { finishFlush: 2 }); // Z_SYNC_FLUSH: the stream has no end yet
    expect(opened.length).toBeGreaterThan(body.length * 5);
  });

  it('nan: has every line and no number', async () => {
    const lines = (await inMode('nan')).body.toString().split('\n');
    expect(lines).toContain(`${BYTES} NaN`);
    expect(lines.filter((line) => line !== '' && !line.startsWith('#') && !line.endsWith(' NaN'))).toEqual([]);
  });

  it('cut: closes before what it announced', async () => {
    const { status, headers, body, broken } = await inMode('cut');
    expect({ status, broken }).toEqual({ status: 200, broken: 'ECONNRESET' });
    expect(body.length).toBeLessThan(Number(headers['content-length']));
  });

  it('wrong-length: the announced part ends in the middle of a number', async () => {
    const { status, body } = await inMode('wrong-length');
    expect(status).toBe(200);
    expect(body.toString()).toMatch(/\nnode_memory_MemTotal_bytes 1\.7$/);
  });

  it('endless-headers: never comes to a body', async () => {
    expect(await inMode('endless-headers', {}, { ms: 3000 })).toMatchObject({
      status: null,
      broken: 'HPE_HEADER_OVERFLOW',
    });
  });

  it('other-exporter: valid text without a machine in it', async () => {
    const text = (await inMode('other-exporter')).body.toString();
    expect(valueOf(text, 'nginx_up')).toBe(1);
    expect(text).not.toContain('node_');
  });

  it('closes with connections that hang', async () => {
    stub.setMode('hang');
    const waiting = scrape(stub.url, {}, { ms: 5000 });
    while (stub.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await stub.close();
    expect((await waiting).broken).toBe('ECONNRESET');
    stub = await startNodeExporter();
  });
});
