import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, pipeline } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { expose, type Machine, nanText, OTHER_EXPORTER } from './node-exporter-text.js';

/**
 * How the stand-in behaves:
 * `ok` answers as node_exporter does · `hang` accepts and never answers · `slow-drip` sends a byte a second · `http-500` fails ·
 * `html` is 200 with a page · `huge` is 200 MB of valid text · `gzip-bomb` is the same, small on the wire · `nan` has no numbers ·
 * `redirect` points to the metadata address of clouds · `cut` closes in the middle · `wrong-length` announces half of what it sends ·
 * `endless-headers` never comes to the body · `other-exporter` is valid text of something else ·
 * `reboot` restarts the counters at the moment it is set, then behaves as `ok`.
 */
export type NodeExporterMode =
  | 'ok'
  | 'hang'
  | 'slow-drip'
  | 'http-500'
  | 'html'
  | 'huge'
  | 'gzip-bomb'
  | 'nan'
  | 'redirect'
  | 'cut'
  | 'reboot'
  | 'wrong-length'
  | 'endless-headers'
  | 'other-exporter';

export interface NodeExporterOptions extends Partial<Omit<Machine, 'bootedAt'>> {
  mode?: NodeExporterMode;
  /** How long the machines have run when the stand-in starts; a day unless given. */
  uptimeSeconds?: number;
  /** Clock of the machines, in milliseconds; the real one unless given. */
  now?: () => number;
}

/** What came in, in order. */
export interface NodeExporterRequest {
  at: number;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface NodeExporterStub {
  /** The metrics of machine 0. Others are at `urlOf(n)`. */
  url: string;
  /** `/s/<n>/metrics`: a machine of its own for each number, with its own boot time and mode. */
  urlOf(machine: number): string;
  port: number;
  requests: NodeExporterRequest[];
  /** Changes how one machine, or every one, behaves from the next request on. */
  setMode(mode: NodeExporterMode, machine?: number): void;
  /** Ends every connection, hanging ones too. */
  close(): Promise<void>;
}

/** Starts a stand-in for node_exporter on a free loopback port. */
export async function startNodeExporter(options: NodeExporterOptions = {}): Promise<NodeExporterStub> {
  const { mode: firstMode = 'ok', uptimeSeconds = 86_400, now = Date.now, ...shape } = options;
  const startedAt = now() - uptimeSeconds * 1000;
  const requests: NodeExporterRequest[] = [];
  const boots = new Map<number, number>();
  const modes = new Map<number, NodeExporterMode>();
  let bootOfAll = startedAt;
  let modeOfAll = firstMode;

  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push({ at: Date.now(), method: request.method ?? '', path, headers: request.headers });
    const number = machineOf(path);
    if (number === null) {
      response.writeHead(path === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
      return;
    }
    const bootedAt = boots.get(number) ?? bootOfAll;
    const text = (): string => expose({ ...DEFAULTS, ...shape, bootedAt }, now());
    ANSWERS[modes.get(number) ?? modeOfAll](request, response, text);
  });
  const port = await listen(server);
  const base = `http://127.0.0.1:${port}`;

  return {
    url: `${base}/metrics`,
    urlOf: (machine) => `${base}/s/${machine}/metrics`,
    port,
    requests,
    setMode(mode, machine) {
      if (machine === undefined) {
        modeOfAll = mode;
        modes.clear();
        if (mode !== 'reboot') return;
        bootOfAll = now();
        boots.clear();
      } else {
        modes.set(machine, mode);
        if (mode === 'reboot') boots.set(machine, now());
      }
    },
    close: () => close(server),
  };
}

const DEFAULTS: Omit<Machine, 'bootedAt'> = {
  cpus: 4,
  busy: 0.25,
  memoryTotalBytes: 16 * 2 ** 30,
  memoryAvailableBytes: 12 * 2 ** 30,
  receiveBytesPerSecond: 125_000,
  transmitBytesPerSecond: 50_000,
};

const PAGE =
  '<!DOCTYPE html>\n<html><head><title>Node Exporter</title></head><body><a href="/metrics">Metrics</a></body></html>\n';
const TEXT = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
const HUGE_BYTES = 200 * 1024 * 1024;

type Answer = (request: IncomingMessage, response: ServerResponse, text: () => string) => void;

const answerText: Answer = (request, response, text) => {
  if (!String(request.headers['accept-encoding']).includes('gzip')) {
    response.writeHead(200, TEXT).end(text());
    return;
  }
  response.writeHead(200, { ...TEXT, 'content-encoding': 'gzip' }).end(gzipSync(text(), { level: 1 }));
};

const ANSWERS: Record<NodeExporterMode, Answer> = {
  ok: answerText,
  reboot: answerText,
  hang: () => undefined,
  'slow-drip': (_request, response, text) => {
    const bytes = Buffer.from(text());
    let sent = 0;
    response.writeHead(200, TEXT);
    const drip = (): void => void response.write(bytes.subarray(sent, ++sent));
    drip();
    const timer = setInterval(drip, 1000);
    response.on('close', () => clearInterval(timer));
  },
  'http-500': (_request, response) => {
    response.writeHead(500, { 'content-type': 'text/plain' }).end('An error has occurred while serving metrics\n');
  },
  html: (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
  },
  huge: (_request, response, text) => {
    response.writeHead(200, TEXT);
    pipeline(Readable.from(repeat(text(), HUGE_BYTES)), response, ignoreAbort);
  },
  'gzip-bomb': (_request, response, text) => {
    response.writeHead(200, { ...TEXT, 'content-encoding': 'gzip' });
    pipeline(Readable.from(repeat(text(), HUGE_BYTES)), createGzip(), response, ignoreAbort);
  },
  nan: (request, response, text) => answerText(request, response, () => nanText(text())),
  redirect: (_request, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  },
  cut: (_request, response, text) => {
    const bytes = text();
    response.writeHead(200, { ...TEXT, 'content-length': Buffer.byteLength(bytes) });
    response.write(bytes.slice(0, bytes.length / 2), () => response.destroy());
  },
  'wrong-length': (request, _response, text) => {
    const bytes = text();
    // Up to the middle of a number, so that what is announced would be read as another number. The rest comes later: strict clients
    // drop an answer that comes with more than it announced, lenient ones must not be fooled by it.
    const length = bytes.indexOf('\nnode_memory_MemTotal_bytes') + '\nnode_memory_MemTotal_bytes 1.7'.length;
    const head = `HTTP/1.1 200 OK\r\nContent-Type: ${TEXT['content-type']}\r\nContent-Length: ${length}\r\n\r\n`;
    const { socket } = request;
    socket.on('error', ignoreAbort).write(head + bytes.slice(0, length));
    setTimeout(() => socket.end(bytes.slice(length)), 50);
  },
  'endless-headers': (request) => {
    const { socket } = request;
    let number = 0;
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => {
      if (socket.writableLength === 0) socket.write(`X-Filler-${number++}: ${'x'.repeat(1000)}\r\n`);
    }, 10);
    socket.on('error', ignoreAbort).on('close', () => clearInterval(timer));
  },
  'other-exporter': (request, response) => answerText(request, response, () => OTHER_EXPORTER),
};

function machineOf(path: string): number | null {
  if (path === '/metrics') return 0;
  const match = /^\/s\/(\d{1,9})\/metrics$/.exec(path);
  return match ? Number(match[1]) : null;
}

/** Whole copies of `text`, until they are `bytes` long. */
function* repeat(text: string, bytes: number): Generator<Buffer> {
  const copy = Buffer.from(text);
  for (let sent = 0; sent < bytes; sent += copy.length) yield copy;
}

/** Clients go away in the middle: that is what those modes are for. */
function ignoreAbort(): void {}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
