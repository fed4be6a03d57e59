import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

/** A request as it goes over the wire: the path is sent as it is, which `fetch` would tidy up. */
export interface RawRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | Buffer;
}

/** Streams of events are left after this time, with what came until then. */
const STREAM_MS = 300;

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  ms: number;
}

/** Sends a request and reads the whole answer. Rejects when there is none in time, or the connection breaks. */
export function sendRaw(
  address: string,
  { method, path, headers, body }: RawRequest,
  { agent, timeoutMs = 5_000 }: { agent?: Agent; timeoutMs?: number } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(address);
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = request(
      { hostname, port, method, path, headers: { ...length, ...headers }, agent, signal },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        const done = (): void =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString(),
            ms: performance.now() - started,
          });
        answer.on('error', reject);
        answer.on('end', done);
        // these don't end by themselves
        if (!answer.headers['content-type']?.startsWith('text/event-stream')) return;
        setTimeout(() => {
          done();
          answer.destroy();
        }, STREAM_MS).unref();
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends bytes (a character is one) that need not be a request, and reads until the connection is closed. */
export async function sendBytes(address: string, bytes: string): Promise<RawAnswer> {
  const { hostname, port } = new URL(address);
  const started = performance.now();
  const socket = connect(Number(port), hostname);
  socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
  socket.write(bytes, 'latin1');
  let received = '';
  for await (const chunk of socket) received += String(chunk);
  const [head = '', text = ''] = received.split('\r\n\r\n', 2);
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(first.split(' ')[1]), headers, text, ms: performance.now() - started };
}

/** JSON of an answer; undefined when it has none. */
export function jsonOf({ headers, text }: RawAnswer): any {
  return /^application\/(problem\+)?json/.test(headers['content-type'] ?? '') && text ? JSON.parse(text) : undefined;
}
