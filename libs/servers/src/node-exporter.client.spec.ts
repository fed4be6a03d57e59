import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpService } from '@nestjs/axios';
import { Metrics, OutboundGuard, OutboundHttp, parseAllowance, ProblemError } from '#core';
import { type NodeExporterMode, type NodeExporterStub, startNodeExporter } from '../../../test/stubs/node-exporter.js';
import type { ReadRequest } from './metrics-source.js';
import { metricsUrl, NodeExporterClient } from './node-exporter.client.js';

const TIMEOUT_MS = 1_000;

let exporter: NodeExporterStub;
const client = clientAllowing('', true);

beforeAll(async () => {
  exporter = await startNodeExporter();
});

afterAll(() => exporter.close());

function clientAllowing(allowed: string, local: boolean): NodeExporterClient {
  return new NodeExporterClient(
    new OutboundHttp(new HttpService(), new OutboundGuard(parseAllowance(allowed, local)), new Metrics()),
  );
}

function request(url = exporter.url): ReadRequest {
  return { system: { kind: 'server', id: 'a', name: 'web-01' }, url, timeoutMs: TIMEOUT_MS };
}

/** How reading fails, as `code: message`. */
async function failure(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  throw new Error('the reading succeeded');
}

describe('reading a node_exporter', () => {
  it('understands its answer and asks for text in little space', async () => {
    exporter.setMode('ok');
    const reading = await client.read(request());
    expect(reading).toMatchObject({ memoryTotal: 16 * 2 ** 30, cpu: { cores: 4 }, architecture: 'x86_64' });
    expect(exporter.requests.at(-1)?.headers).toMatchObject({
      accept: 'text/plain;version=0.0.4',
      'accept-encoding': 'gzip',
    });
  });

  it.each<[NodeExporterMode, string | RegExp]>([
    ['hang', 'upstream_timeout: No complete answer within 1 s.'],
    ['slow-drip', 'upstream_timeout: No complete answer within 1 s.'],
    ['http-500', 'upstream_error: The remote system answered 500.'],
    ['html', 'upstream_error: Its answer is not in Prometheus’ text format (Line 1: no metric name).'],
    ['huge', 'upstream_error: Its answer was longer than 5000000 bytes.'],
    ['gzip-bomb', 'upstream_error: Its answer was longer than 5000000 bytes.'],
    ['nan', 'upstream_error: The values of node_cpu_seconds_total and node_memory_MemTotal_bytes are not numbers.'],
    ['redirect', 'upstream_error: The remote system answered 302; redirects are not followed.'],
    ['cut', 'upstream_error: The connection broke in the middle of the answer.'],
    ['wrong-length', /^upstream_error: /],
    ['endless-headers', /^upstream_(error|timeout): /],
    ['other-exporter', /^upstream_error: The answer is not from a node_exporter/],
  ])('says what is wrong, in time, when it is like this: %s', async (mode, expected) => {
    exporter.setMode(mode);
    const started = Date.now();
    // these are refused for their size, which a busy machine may take more than a second to meet
    const timeoutMs = mode === 'huge' || mode === 'gzip-bomb' ? 10_000 : TIMEOUT_MS;
    const answer = await failure(client.read({ ...request(), timeoutMs }));
    if (typeof expected === 'string') expect(answer).toBe(expected);
    else expect(answer).toMatch(expected);
    expect(Date.now() - started).toBeLessThan(TIMEOUT_MS + 1_500);
  });

  it('says no more of a closed port than that it could not be reached', async () => {
    const gone = await startNodeExporter();
    await gone.close();
    expect(await failure(client.read(request(gone.url)))).toBe('upstream_error: It could not be reached.');
  });

  it('does not connect to where it may not, and names what to configure', async () => {
    exporter.setMode('ok');
    const before = exporter.requests.length;
    expect(await failure(clientAllowing('', false).read(request()))).toMatch(
      /127\.0\.0\.1 is a local or private address; add it to OUTBOUND_ALLOW/,
    );
    expect(await failure(client.read(request('http://169.254.169.254/metrics')))).toMatch(/never connected to/);
    expect(exporter.requests).toHaveLength(before);
  });

  it('stops when it is told to', async () => {
    exporter.setMode('hang');
    const stop = new AbortController();
    const reading = failure(client.read({ ...request(), timeoutMs: 60_000, signal: stop.signal }));
    setTimeout(() => stop.abort(), 20);
    expect(await reading).toMatch(/^upstream_error/);
  });
});

describe('its version', () => {
  const versionOf = async (build: string): Promise<string | null> => {
    const text = `${build}node_memory_MemTotal_bytes 1e9\n`;
    const server = createServer((_, response) => response.end(text)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      return await client.version(request(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  it('is what it says of its build', async () => {
    expect(await versionOf('node_exporter_build_info{goversion="go1.24",version="1.9.1"} 1\n')).toBe('1.9.1');
  });

  it('is unknown when it does not say, or says something else', async () => {
    expect(await versionOf('')).toBeNull();
    expect(await versionOf('node_exporter_build_info{version="<b>1</b>"} 1\n')).toBeNull();
  });
});

describe('the address that is read', () => {
  it.each([
    ['http://web:9100', 'http://web:9100/metrics'],
    ['http://web:9100/', 'http://web:9100/metrics'],
    ['https://web/?collect[]=cpu', 'https://web/metrics?collect[]=cpu'],
    ['http://web/node/scrape', 'http://web/node/scrape'],
    ['http://[::1]:9100/x/', 'http://[::1]:9100/x/'],
  ])('of %s is %s', (given, read) => expect(metricsUrl(given)).toBe(read));
});
