import { Logger } from '@nestjs/common';
import type { AuditEvent, RequestContext } from '#core';

const WINDOW_MS = 60_000;
const SWEEP_MS = 5_000;
/** Beyond this many different refusals a minute each one is written. */
const MAX_WINDOWS = 10_000;

type Write = (event: AuditEvent, request: RequestContext | undefined, count: number) => Promise<void>;

interface Window {
  endsAt: number;
  /** Refusals that were counted and not written yet. */
  count: number;
  event: AuditEvent;
  request: RequestContext | undefined;
}

/** Writes the first of equal refusals at once, and how many followed within a minute as one more entry. */
export class RepeatedRefusals {
  private readonly logger = new Logger('Audit');
  private readonly windows = new Map<string, Window>();
  private timer?: NodeJS.Timeout;
  private closed = false;

  constructor(private readonly write: Write) {}

  async add(event: AuditEvent, request: RequestContext | undefined): Promise<void> {
    const key = keyOf(event, request);
    const open = this.windows.get(key);
    if (open && open.endsAt > Date.now()) {
      // the latest stands for all
      Object.assign(open, { count: open.count + 1, event, request });
      return;
    }
    if (open) await this.flush(key);
    if (this.closed || this.windows.size >= MAX_WINDOWS) return this.write(event, request, 1);
    const window = { endsAt: Date.now() + WINDOW_MS, count: 0, event, request };
    this.windows.set(key, window);
    this.timer ??= setInterval(() => void this.sweep(), SWEEP_MS).unref();
    try {
      await this.write(event, request, 1);
    } catch (error) {
      if (this.windows.get(key) === window) this.windows.delete(key);
      throw error;
    }
  }

  /** Writes all that was counted; the process stops, nothing is merged from now on. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await Promise.all([...this.windows.keys()].map((key) => this.flush(key)));
  }

  private async flush(key: string): Promise<void> {
    const window = this.windows.get(key);
    if (!window) return;
    this.windows.delete(key);
    if (window.count === 0) return;
    try {
      await this.write(window.event, window.request, window.count);
    } catch (error) {
      this.logger.error(
        { cause: (error as Error).message, count: window.count, action: window.event.action },
        'counted refusals could not be recorded',
      );
    }
  }

  private async sweep(): Promise<void> {
    const now = Date.now();
    for (const [key, { endsAt }] of [...this.windows]) if (endsAt <= now) await this.flush(key);
  }
}

function keyOf({ actor, action, resource, status }: AuditEvent, request: RequestContext | undefined): string {
  const who = actor?.id ?? actor?.name ?? request?.caller?.userId ?? request?.address ?? '';
  return JSON.stringify([who, action, resource?.type, resource?.id, resource?.name, status]);
}
