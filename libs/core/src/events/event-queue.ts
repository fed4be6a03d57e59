import type { SseEvent } from '../streams/sse-encoding.js';

/** Events that wait for one follower, up to a number of characters. */
export class EventQueue {
  private readonly waiting: SseEvent[] = [];
  private size = 0;
  private full = false;
  private closed = false;
  private wake: () => void = () => undefined;

  constructor(private readonly maxSize: number) {}

  push(event: SseEvent & { data: string }): void {
    if (this.full || this.closed) return;
    this.size += event.data.length;
    this.full = this.size > this.maxSize;
    if (!this.full) this.waiting.push(event);
    this.wake();
  }

  /** The next event, once there is one. Null when the queue was closed, `overflow` behind the last one that it could hold. */
  async take(): Promise<SseEvent | 'overflow' | null> {
    for (;;) {
      if (this.closed) return null;
      const event = this.waiting.shift();
      if (event) {
        this.size -= (event.data as string).length;
        return event;
      }
      if (this.full) return 'overflow';
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    this.closed = true;
    this.wake();
  }
}
