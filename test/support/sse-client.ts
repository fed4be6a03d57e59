import { type IncomingMessage, request } from 'node:http';

/** An event as a client reads it. */
export interface ReceivedEvent {
  id?: string;
  event: string;
  /** Parsed where it is JSON. */
  data: any;
}

/** A client that follows server-sent events. */
export class SseClient {
  readonly events: ReceivedEvent[] = [];
  comments = 0;
  retryMs?: number;
  /** Resolves when the server has ended the answer, or the connection is gone. */
  readonly closed: Promise<void>;
  private rest = '';
  private noted = '';

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.read(chunk));
    this.closed = new Promise((resolve) => {
      response.once('close', resolve);
      response.on('error', () => resolve());
    });
  }

  /** Opens a stream; a refusal is an answer too. */
  static open(url: string, token: string, headers: Record<string, string> = {}): Promise<SseClient> {
    return new Promise((resolve, reject) => {
      const call = request(url, {
        headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...headers },
      });
      call.once('response', (response) => resolve(new SseClient(response)));
      call.once('error', reject);
      call.end();
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  named(event: string): ReceivedEvent[] {
    return this.events.filter((received) => received.event === event);
  }

  lastId(): string {
    return this.noted;
  }

  /** Waits until it is so. Throws after `ms`, with what was received. */
  async until(isSo: (events: ReceivedEvent[]) => boolean, ms = 5_000): Promise<ReceivedEvent[]> {
    const started = performance.now();
    while (!isSo(this.events)) {
      if (performance.now() - started > ms)
        throw new Error(`not within ${ms} ms: ${JSON.stringify(this.events).slice(0, 2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.events;
  }

  close(): void {
    this.response.destroy();
  }

  private read(chunk: string): void {
    const blocks = (this.rest + chunk).split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) this.take(block);
  }

  private take(block: string): void {
    const received: ReceivedEvent = { event: 'message', data: undefined };
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
      if (colon === 0) this.comments++;
      else if (field === 'retry') this.retryMs = Number(value);
      else if (field === 'id' || field === 'event') received[field] = value;
      else if (field === 'data') data.push(value);
    }
    this.noted = received.id ?? this.noted;
    if (data.length === 0) return;
    const text = data.join('\n');
    received.data = /^[[{"]/.test(text) ? JSON.parse(text) : text;
    this.events.push(received);
  }
}
