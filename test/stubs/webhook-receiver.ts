import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the receiver answers. */
export type ReceiverMode = 'ok' | 'fail' | 'silent' | 'redirect' | 'huge' | 'cut';

export interface ReceivedDelivery {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver of webhooks that misbehaves as it is told. */
export interface WebhookReceiver {
  url: string;
  mode: ReceiverMode;
  received: ReceivedDelivery[];
  /** Bytes of the last huge answer that were taken. */
  bytesTaken: number;
  close(): Promise<void>;
}

const HUGE_BYTES = 10 * 1024 * 1024;

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      receiver.received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      answer(receiver, response);
    });
  });
  const receiver: WebhookReceiver = {
    url: '',
    mode: 'ok',
    received: [],
    bytesTaken: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}

function answer(receiver: WebhookReceiver, response: ServerResponse): void {
  switch (receiver.mode) {
    case 'ok':
      return void response.writeHead(204).end();
    case 'fail':
      return void response.writeHead(500).end('no');
    case 'redirect':
      return void response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    case 'cut':
      return void response.destroy();
    case 'huge':
      return sendHuge(receiver, response);
    case 'silent':
      return;
  }
}

function sendHuge(receiver: WebhookReceiver, response: ServerResponse): void {
  const chunk = Buffer.alloc(16 * 1024, 'x');
  receiver.bytesTaken = 0;
  response.writeHead(200);
  const more = (): void => {
    while (receiver.bytesTaken < HUGE_BYTES && !response.destroyed) {
      receiver.bytesTaken += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}
