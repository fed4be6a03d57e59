import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';

const LOOK_MS = 500;

interface Waiting {
  id: string;
  /** What the follower has seen. */
  revision: string;
  resolve: () => void;
}

/** Tells followers that an operation has changed, whichever process runs it: one look at the table for all who wait here. */
@Injectable()
export class OperationFeed implements OnModuleDestroy {
  private readonly waiting = new Set<Waiting>();
  private timer?: NodeJS.Timeout;
  private looking = false;

  constructor(private readonly dataSource: DataSource) {}

  /** Resolves when the operation is not what it was at `revision` any more, or when there is nobody to wait for. */
  changed(id: string, revision: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = {
        id,
        revision,
        resolve: () => {
          this.waiting.delete(waiting);
          signal.removeEventListener('abort', waiting.resolve);
          resolve();
        },
      };
      this.waiting.add(waiting);
      signal.addEventListener('abort', waiting.resolve);
      this.timer ??= setInterval(() => void this.look(), LOOK_MS).unref();
    });
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    for (const { resolve } of this.waiting) resolve();
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    if (this.waiting.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    this.looking = true;
    try {
      const ids = [...new Set([...this.waiting].map(({ id }) => id))];
      const rows = await this.dataSource.query<{ id: string; revision: string }[]>(
        'SELECT id, revision FROM operations WHERE id = ANY($1)',
        [ids],
      );
      const revisions = new Map(rows.map(({ id, revision }) => [id, revision]));
      for (const waiting of this.waiting) if (revisions.get(waiting.id) !== waiting.revision) waiting.resolve();
    } catch {
      // the database is away: the next look tells
    } finally {
      this.looking = false;
    }
  }
}
