import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Access } from '../access/access.js';
import type { Caller } from '../access/caller.js';
import { LiveCallers } from '../access/live-callers.js';
import { isPermission } from '../access/permissions.js';
import { ValidationFailed } from '../errors/errors.js';
import { sse } from '../streams/sse.js';
import type { SseEvent } from '../streams/sse-encoding.js';
import { StreamLimits } from '../streams/stream-limits.js';
import { EventCursor } from './event-cursor.js';
import { EventLog } from './event-log.js';
import { EventQueue } from './event-queue.js';
import { readEvents } from './event-rows.js';
import { EventView } from './event.view.js';
import type { EventsQuery } from './events.dto.js';
import { matchesType, type StoredEvent } from './events.js';

const MAX_STREAMS = 20;
const MAX_WAITING = 256 * 1024;
const BATCH = 200;
const RETRY_MS = 3_000;

/** One who follows events, as they are now. */
interface Follower {
  caller: Caller;
  query: EventsQuery;
  /** What they have seen, when they go on where they were. */
  cursor: EventCursor | null;
}

/** Events as streams, each with what its caller may see. */
@Injectable()
export class EventStreams {
  /** What an event looks like is the same for all who follow. */
  private readonly texts = new WeakMap<StoredEvent, string>();

  constructor(
    private readonly events: EventLog,
    private readonly dataSource: DataSource,
    private readonly access: Access,
    private readonly callers: LiveCallers,
    private readonly limits: StreamLimits,
  ) {}

  async follow(reply: FastifyReply, query: EventsQuery): Promise<void> {
    const follower: Follower = { caller: this.access.caller(), query, cursor: cursorOf(reply) };
    const release = this.limits.take('events', follower.caller.userId, MAX_STREAMS);
    const abort = new AbortController();
    try {
      await sse(reply, this.eventsFor(follower, abort.signal), {
        abort,
        retryMs: RETRY_MS,
        recheck: async () => {
          const caller = await this.callers.refresh(follower.caller);
          if (caller) follower.caller = caller;
          return caller ? null : 'signed_out';
        },
      });
    } finally {
      release();
    }
  }

  private async *eventsFor(follower: Follower, signal: AbortSignal): AsyncGenerator<SseEvent> {
    if (follower.cursor) yield* this.missed(follower, follower.cursor, signal);
    const queue = new EventQueue(MAX_WAITING);
    const unsubscribe = this.events.subscribe((event) => this.hear(follower, event, queue));
    signal.addEventListener('abort', () => queue.close(), { once: true });
    if (signal.aborted) queue.close();
    try {
      if (!follower.cursor) yield { id: this.events.position() };
      // what came between the last reading and the subscription
      if (follower.cursor) yield* this.missed(follower, follower.cursor, signal);
      for (;;) {
        const event = await queue.take();
        if (event === null) return;
        yield event === 'overflow' ? { event: 'dropped', data: { reason: 'slow_reader' } } : event;
        if (event === 'overflow') return;
      }
    } finally {
      unsubscribe();
    }
  }

  /** What is kept and was not seen yet; as much at a time as the follower takes. */
  private async *missed(follower: Follower, cursor: EventCursor, signal: AbortSignal): AsyncGenerator<SseEvent> {
    for (let full = true; full && !signal.aborted;) {
      const events = await readEvents(this.dataSource, cursor, BATCH);
      for (const event of events) if (this.isFor(follower, event)) yield this.encode(event, event.cursor);
      full = events.length === BATCH;
    }
  }

  private hear(follower: Follower, event: StoredEvent, queue: EventQueue): void {
    const { cursor } = follower;
    if (cursor && !cursor.see(event.id)) return;
    if (this.isFor(follower, event)) queue.push(this.encode(event, cursor?.toString() ?? event.cursor));
  }

  private isFor({ caller, query }: Follower, { type, permission, target, resource }: StoredEvent): boolean {
    if (!matchesType(type, query.type)) return false;
    if (
      query.resource &&
      ![resource.type, `${resource.type}/${resource.id}`].some((text) => query.resource?.includes(text))
    )
      return false;
    return isPermission(permission) && this.callers.grantFor(caller, permission, target) !== null;
  }

  private encode(event: StoredEvent, id: string): SseEvent & { data: string } {
    let data = this.texts.get(event);
    if (data === undefined) this.texts.set(event, (data = JSON.stringify(EventView.of(event))));
    return { id, event: event.type, data };
  }
}

/** Without the header a stream begins now. */
function cursorOf({ request }: FastifyReply): EventCursor | null {
  const text = request.headers['last-event-id'];
  if (text === undefined || text === '') return null;
  const cursor = typeof text === 'string' ? EventCursor.parse(text) : null;
  if (!cursor) throw ValidationFailed.at('/Last-Event-ID', 'must be an id as this stream sent it');
  return cursor;
}
