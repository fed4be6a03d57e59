import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { APP_CONFIG, type AppConfig } from '../config/config.js';
import { Instance } from '../process/instance.js';
import { EventCursor } from './event-cursor.js';
import { EventListener } from './event-listener.client.js';
import { insertEvents, readEvents } from './event-rows.js';
import { Events, matchesType, type NewEvent, type StoredEvent } from './events.js';

const CHANNEL = 'einfra_events';
const BATCH = 500;
/** Events are looked for this often whatever was heard: a lost announcement costs no more than this. */
const LOOK_MS = 5_000;
/** While announcements are not heard, and after a reading that failed. */
const LOOK_SOON_MS = 1_000;
/** At start, numbers this far back may belong to transactions that are still running. */
const OVERLAP = 1_000;
const UPKEEP_MS = 3_600_000;
const KEPT_DAYS = 7;

interface Subscriber {
  listener: (event: StoredEvent) => void;
  types?: readonly string[];
}

/**
 * Events in the table `events`. That there are new ones is announced by NOTIFY, in the transaction that writes them; embedded,
 * where there is one connection only, a reading that is asked for now comes after the transaction. What is heard is always read
 * from the rows: an announcement that was lost is made up for by the next reading.
 */
@Injectable()
export class EventLog extends Events implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Events');
  private readonly subscribers = new Set<Subscriber>();
  private readonly listener: EventListener | null;
  private cursor?: EventCursor;
  private timer?: NodeJS.Timeout;
  private upkeepTimer?: NodeJS.Timeout;
  private reading?: Promise<void>;
  private again = false;
  private stopped = false;
  private fails = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly instance: Instance,
    @Inject(APP_CONFIG) { database }: AppConfig,
  ) {
    super();
    this.listener = database.url === null ? null : new EventListener(database, CHANNEL, () => this.look());
  }

  override async publish(manager: EntityManager, ...events: NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await insertEvents(manager, events, this.instance.id, this.listener ? CHANNEL : null);
    if (!this.listener) setImmediate(() => this.look());
  }

  override subscribe(
    listener: (event: StoredEvent) => void,
    { types }: { types?: readonly string[] } = {},
  ): () => void {
    const subscriber = { listener, types };
    this.subscribers.add(subscriber);
    return () => void this.subscribers.delete(subscriber);
  }

  async onApplicationBootstrap(): Promise<void> {
    this.cursor = await startingPoint(this.dataSource);
    this.listener?.start();
    this.look();
    const upkeep = (): void =>
      void this.removeOld().catch((error: Error) => this.logger.warn(`old events were not removed: ${error.message}`));
    this.upkeepTimer = setInterval(upkeep, UPKEEP_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    clearInterval(this.upkeepTimer);
    await this.listener?.stop();
    await this.reading;
  }

  /** Whether announcements of other processes are heard at the moment. */
  get listening(): boolean {
    return this.listener?.connected ?? true;
  }

  /** Where a reader goes on who begins to listen now. */
  position(): string {
    return this.cursor?.toString() ?? '0';
  }

  /** Removes events that are older than seven days. */
  async removeOld(): Promise<void> {
    await this.dataSource.query(`DELETE FROM events WHERE at < now() - interval '${KEPT_DAYS} days'`);
  }

  /** Reads now; once more when it is being done already. */
  private look(): void {
    if (this.stopped || !this.cursor) return;
    if (this.reading) {
      this.again = true;
      return;
    }
    clearTimeout(this.timer);
    this.reading = this.readAll(this.cursor).finally(() => {
      this.reading = undefined;
      if (this.again) {
        this.again = false;
        this.look();
      } else if (!this.stopped) {
        const soon = this.fails || !this.listening;
        this.timer = setTimeout(() => this.look(), soon ? LOOK_SOON_MS : LOOK_MS).unref();
      }
    });
  }

  /** Never rejects: whatever fails is read with the next look. */
  private async readAll(cursor: EventCursor): Promise<void> {
    try {
      for (let full = true; full && !this.stopped;) {
        const events = await readEvents(this.dataSource, cursor, BATCH);
        events.forEach((event) => this.deliver(event));
        full = events.length === BATCH;
      }
      this.fails = false;
    } catch (error) {
      if (!this.fails && !this.stopped) this.logger.warn(`events are not read: ${(error as Error).message}`);
      this.fails = true;
    }
  }

  private deliver(event: StoredEvent): void {
    for (const { listener, types } of [...this.subscribers]) {
      if (!matchesType(event.type, types)) continue;
      try {
        listener(event);
      } catch (error) {
        this.logger.error({ err: error, type: event.type }, 'a listener of events failed');
      }
    }
  }
}

/** Behind everything that is there now; numbers that are missing among the last ones may still come. */
async function startingPoint(dataSource: DataSource): Promise<EventCursor> {
  const rows: { id: string }[] = await dataSource.query(
    'SELECT id FROM events WHERE id > (SELECT max(id) FROM events) - $1 ORDER BY id',
    [OVERLAP],
  );
  const cursor = new EventCursor(rows.length > 0 ? Number(rows[0]?.id) - 1 : 0);
  for (const { id } of rows) cursor.see(Number(id));
  return cursor;
}
