import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { encodeSse, type SseEvent } from './sse-encoding.js';

/** A reader who takes nothing at all for this long is gone. */
const STALLED_MS = 120_000;
/** The last words get this long to arrive. */
const ENDING_MS = 10_000;

/** The writing side of one stream: knows what the reader has not taken yet. */
export class SseWriter {
  /** Resolves when nothing more is written: the client left, or `end` was called. */
  readonly over: Promise<void>;
  opened = false;
  private readonly raw: ServerResponse;
  private settle!: () => void;
  private ended = false;
  private waiting = false;

  constructor(
    private readonly reply: FastifyReply,
    private readonly maxBufferedBytes: number,
  ) {
    this.raw = reply.raw;
    this.over = new Promise((resolve) => (this.settle = resolve));
    const gone = (): void => {
      this.ended = true;
      this.settle();
    };
    this.raw.once('close', gone);
    this.raw.on('error', gone);
    if (this.raw.destroyed) gone();
  }

  /** Sends the headers, with those that hooks have set. Fastify has nothing to do with the answer from here on. */
  open(text = ''): this {
    if (this.opened) return this;
    this.opened = true;
    this.reply.hijack();
    if (this.raw.destroyed) return this;
    this.raw.writeHead(200, {
      ...(this.reply.getHeaders() as Record<string, string>),
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      // proxies that collect answers would hold events back
      'X-Accel-Buffering': 'no',
    });
    this.raw.flushHeaders();
    if (this.ended) this.raw.end();
    else if (text) this.raw.write(text);
    return this;
  }

  /** Writes an event, and waits until the reader has room for the next. */
  async write(event: SseEvent): Promise<void> {
    if (this.ended || this.raw.write(encodeSse(event))) return;
    this.waiting = true;
    const timer = setTimeout(() => this.raw.destroy(), STALLED_MS).unref();
    await this.roomAgain();
    clearTimeout(timer);
    this.waiting = false;
  }

  /** Writes an event that does not wait; a reader who is too far behind is told so, and dropped. */
  offer(event: SseEvent): void {
    if (this.ended) return;
    const text = encodeSse(event);
    if (this.raw.writableLength + text.length <= this.maxBufferedBytes) this.raw.write(text);
    else this.end({ event: 'dropped', data: { reason: 'slow_reader' } });
  }

  /** A comment keeps proxies from taking a quiet connection for a dead one. */
  comment(): void {
    if (this.opened && !this.ended && !this.waiting) this.raw.write(':\n\n');
  }

  /** Ends the stream, with last words. */
  end(last?: SseEvent): void {
    if (this.ended) return;
    this.ended = true;
    if (this.opened) {
      this.raw.end(last ? encodeSse(last) : undefined);
      const timer = setTimeout(() => this.raw.destroy(), ENDING_MS).unref();
      this.raw.once('close', () => clearTimeout(timer));
    }
    this.settle();
  }

  private roomAgain(): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.raw.off('drain', go).off('close', go).off('finish', go);
        resolve();
      };
      this.raw.once('drain', go).once('close', go).once('finish', go);
    });
  }
}
