import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over the wire. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1 internal, 2 server, 3 client. */
  kind: number;
  attributes: Record<string, unknown>;
}

interface WireSpan extends Omit<ReceivedSpan, 'attributes'> {
  attributes: { key: string; value: Record<string, unknown> }[];
}

interface WireTraces {
  resourceSpans: { scopeSpans: { spans: WireSpan[] }[] }[];
}

/** Takes traces as OTLP over HTTP in JSON (`OTEL_EXPORTER_OTLP_PROTOCOL=http/json`). */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Every body, word for word. */
  text = '';
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, reply) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (request.url === '/v1/traces') this.take(body);
        reply.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take(body: string): void {
    this.text += body;
    const spans = (JSON.parse(body) as WireTraces).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((scope) => scope.spans),
    );
    for (const span of spans) {
      const attributes = span.attributes.map(({ key, value }) => [key, Object.values(value)[0]] as const);
      this.spans.push({ ...span, attributes: Object.fromEntries(attributes) });
    }
  }
}
