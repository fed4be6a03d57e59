import { Agent, type IncomingHttpHeaders, request } from 'node:http';

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

/** JSON of an answer; undefined when it has none. */
export function jsonOf({ headers, text }: RawAnswer): any {
  return /^application\/(problem\+)?json/.test(headers['content-type'] ?? '') && text ? JSON.parse(text) : undefined;
}
