import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import type { DatabaseConfig } from '../config/config.js';

const CHECK_MS = 10_000;
const ANSWER_MS = 3_000;
const CONNECT_MS = 5_000;
const MAX_BACKOFF_MS = 5_000;

/**
 * Listens on a channel of PostgreSQL with a connection of its own: one of the pool would be given to others. A connection that
 * breaks is made anew, one that is silently dead is found by asking it every 10 s. `onNews` is called for each notification and
 * after each connect, since notifications were missed in between.
 */
export class EventListener {
  private readonly logger = new Logger('EventListener');
  private client?: Client;
  private timer?: NodeJS.Timeout;
  private attempt = 0;
  private stopped = false;
  connected = false;

  constructor(
    private readonly database: DatabaseConfig,
    private readonly channel: string,
    private readonly onNews: () => void,
  ) {}

  /** Connects in the background, and keeps at it. */
  start(): void {
    void this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    this.connected = false;
    if (!client) return;
    const late = setTimeout(() => cut(client), ANSWER_MS);
    await client.end().catch(() => undefined);
    clearTimeout(late);
  }

  private async connect(): Promise<void> {
    const client = new Client(this.options());
    this.client = client;
    client.on('notification', () => this.onNews());
    // both tell of the same loss, in either order
    client.on('error', () => this.lost(client));
    client.on('end', () => this.lost(client));
    try {
      await client.connect();
      await client.query(`LISTEN ${this.channel}`);
    } catch (error) {
      if (this.attempt === 0) this.logger.warn(`can't listen for events: ${(error as Error).message}`);
      return this.lost(client);
    }
    if (this.client !== client) return;
    if (this.attempt > 0) this.logger.log('listening for events again');
    this.attempt = 0;
    this.connected = true;
    this.timer = setTimeout(() => void this.check(client), CHECK_MS).unref();
    this.onNews();
  }

  private async check(client: Client): Promise<void> {
    try {
      await client.query('SELECT 1');
      if (this.client === client) this.timer = setTimeout(() => void this.check(client), CHECK_MS).unref();
    } catch {
      this.lost(client);
    }
  }

  private lost(client: Client): void {
    if (this.client !== client || this.stopped) return;
    this.client = undefined;
    if (this.connected) this.logger.warn('the connection that listens for events was lost');
    this.connected = false;
    clearTimeout(this.timer);
    cut(client);
    const delay = Math.min(100 * 2 ** this.attempt++, MAX_BACKOFF_MS);
    this.timer = setTimeout(() => void this.connect(), delay * (0.5 + Math.random() / 2)).unref();
  }

  private options(): object {
    const { url, ssl, sslCa } = this.database;
    return {
      connectionString: url,
      application_name: 'einfra events',
      keepAlive: true,
      keepAliveInitialDelayMillis: CHECK_MS,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: ANSWER_MS,
      ssl:
        ssl === 'disable'
          ? false
          : ssl === 'require'
            ? { rejectUnauthorized: false }
            : { rejectUnauthorized: true, ca: sslCa ?? undefined },
    };
  }
}

/** Ends a connection without a word: a dead peer would be waited for. */
function cut(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
