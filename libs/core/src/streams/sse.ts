import type { FastifyReply } from 'fastify';
import { ShuttingDown } from '../errors/errors.js';
import { describeError } from '../errors/problem.js';
import { endAtShutdown, isClosing } from './open-streams.js';
import type { SseEvent } from './sse-encoding.js';
import { SseWriter } from './sse-writer.js';

const HEARTBEAT_MS = 15_000;
const RECHECK_MS = 5_000;
const MAX_BUFFERED_BYTES = 256 * 1024;
/** A recheck that can't be made, because the database is away, is no reason to end for this long. */
const UNCHECKED_MS = 30_000;
/** A source that fails sooner answers a problem document; one that has nothing to say yet does not hold up the headers. */
const OPENING_MS = 250;

/** Calls `emit` for each event, and answers how to stop. */
export type SseEmitter = (emit: (event: SseEvent) => void) => () => void;

export interface SseOptions {
  /** Between comments that keep the connection, 15 s. */
  heartbeatMs?: number;
  /** Ends the stream from outside. */
  signal?: AbortSignal;
  /** Aborted when the stream is over, whyever, so that what the source waits for is given up. */
  abort?: AbortController;
  /** A reader of an emitter who lets more pile up is dropped, 256 KiB. Iterables wait for their reader instead. */
  maxBufferedBytes?: number;
  /** Asked every `recheckMs` (5 s): a reason ends the stream, null lets it go on. */
  recheck?: () => Promise<string | null>;
  recheckMs?: number;
  /** How long a client should wait before it connects again. */
  retryMs?: number;
}

/**
 * Answers a request with server-sent events until the source ends, the client leaves, the recheck says no or the process shuts
 * down. Resolves when the stream is over. What fails before anything was sent is thrown, and becomes a problem document; what
 * fails later is an event `error`. A stream that EINFRA ends says why in a last event: `end` with a reason, or `dropped` when
 * the reader was too slow.
 */
export async function sse(
  reply: FastifyReply,
  source: AsyncIterable<SseEvent> | SseEmitter,
  options: SseOptions = {},
): Promise<void> {
  if (isClosing(reply.server.server)) throw new ShuttingDown();
  if (reply.request.method === 'HEAD') return void new SseWriter(reply, 0).open().end();
  const writer = new SseWriter(reply, options.maxBufferedBytes ?? MAX_BUFFERED_BYTES);
  const watch = new Watch(reply, writer, options);
  try {
    if (typeof source === 'function') await emitTo(writer, source, options);
    else await pull(writer, source, options);
  } finally {
    watch.stop();
    options.abort?.abort();
  }
}

async function emitTo(writer: SseWriter, source: SseEmitter, options: SseOptions): Promise<void> {
  // what is emitted while subscribing goes out behind the headers
  const early: SseEvent[] = [];
  let emit = (event: SseEvent): void => void early.push(event);
  const unsubscribe = source((event) => emit(event));
  try {
    begin(writer, options);
    emit = (event) => writer.offer(event);
    early.forEach(emit);
    await writer.over;
  } finally {
    unsubscribe();
  }
}

async function pull(writer: SseWriter, source: AsyncIterable<SseEvent>, options: SseOptions): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  const gone = new Gone(writer);
  try {
    let next = iterator.next();
    await Promise.race([gone.or(next), pause(OPENING_MS)]);
    begin(writer, options);
    for (;;) {
      const result = await gone.or(next);
      if (!result || result.done) break;
      await writer.write(result.value);
      next = iterator.next();
    }
    writer.end();
  } catch (error) {
    if (!writer.opened) throw error;
    const { code, title, detail } = describeError(error);
    writer.end({ event: 'error', data: { code, title, detail } });
  } finally {
    // an iterator that waits for something answers only when that comes: nobody waits for it here
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** The end of a stream to wait for beside something else; a race for each event would leave its reactions behind. */
class Gone {
  private isOver = false;
  private giveUp: () => void = () => undefined;

  constructor(writer: SseWriter) {
    void writer.over.then(() => {
      this.isOver = true;
      this.giveUp();
    });
  }

  /** What the promise comes to; null when the stream is over before. */
  or<T>(promise: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      this.giveUp = () => resolve(null);
      promise.then(resolve, reject);
      if (this.isOver) this.giveUp();
    });
  }
}

function begin(writer: SseWriter, { retryMs }: SseOptions): void {
  writer.open(retryMs === undefined ? '' : `retry: ${retryMs}\n\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Everything that may end a stream besides its source. */
class Watch {
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly stopShutdown: () => void;
  private checkedAt = performance.now();
  private checking = false;

  constructor(
    reply: FastifyReply,
    private readonly writer: SseWriter,
    private readonly options: SseOptions,
  ) {
    this.stopShutdown = endAtShutdown(reply.server.server, () => this.end('shutting_down'));
    options.signal?.addEventListener('abort', this.aborted);
    if (options.signal?.aborted) this.aborted();
    this.timers.push(setInterval(() => writer.comment(), options.heartbeatMs ?? HEARTBEAT_MS).unref());
    if (options.recheck)
      this.timers.push(setInterval(() => void this.check(), options.recheckMs ?? RECHECK_MS).unref());
  }

  stop(): void {
    this.timers.forEach(clearInterval);
    this.stopShutdown();
    this.options.signal?.removeEventListener('abort', this.aborted);
  }

  private readonly aborted = (): void => this.end('ended');

  private end(reason: string): void {
    this.writer.end({ event: 'end', data: { reason } });
  }

  private async check(): Promise<void> {
    if (this.checking) return;
    this.checking = true;
    try {
      const reason = await this.options.recheck?.();
      this.checkedAt = performance.now();
      if (reason) this.end(reason);
    } catch {
      if (performance.now() - this.checkedAt > UNCHECKED_MS) this.end('not_checked');
    } finally {
      this.checking = false;
    }
  }
}
