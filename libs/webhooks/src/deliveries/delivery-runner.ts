import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Events, Instance } from '#core';
import { DeliveryFeed } from './delivery-feed.js';
import { DeliverySender } from './delivery-sender.js';
import { type ClaimedDelivery, DeliveryStore } from './delivery-store.js';

const TICK_MS = 1_000;
const PLACES = 32;
/** With this many under way to one webhook no more of it are taken. */
const BUSY_WITH = 4;
/** Events are looked for this often whatever was heard. */
const FEED_MS = 5_000;
/** Another process was making deliveries, and may not have seen the newest event. */
const FEED_SOON_MS = 250;
const UPKEEP_MS = 3_600_000;

/** Sends deliveries when they are due. Any number of processes share the work. */
@Injectable()
export class DeliveryRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Webhooks');
  private readonly stopping = new AbortController();
  private readonly underWay = new Map<ClaimedDelivery, Promise<void>>();
  private working: Promise<void> = Promise.resolve();
  private timer?: NodeJS.Timeout;
  private upkeepTimer?: NodeJS.Timeout;
  private unsubscribe: () => void = () => undefined;
  private feedAt = 0;
  private fails = false;

  constructor(
    private readonly feed: DeliveryFeed,
    private readonly store: DeliveryStore,
    private readonly sender: DeliverySender,
    private readonly events: Events,
    private readonly instance: Instance,
  ) {}

  onApplicationBootstrap(): void {
    this.unsubscribe = this.events.subscribe(() => {
      // many events at once are one turn
      if (this.feedAt !== 0) this.turn(0);
      this.feedAt = 0;
    });
    this.turn(0);
    const upkeep = (): void =>
      void this.store
        .removeOld()
        .catch((error: Error) => this.logger.warn(`old deliveries were not removed: ${error.message}`));
    this.upkeepTimer = setInterval(upkeep, UPKEEP_MS).unref();
  }

  /** Stops sending and gives back what has not arrived. */
  async onModuleDestroy(): Promise<void> {
    this.unsubscribe();
    this.stopping.abort();
    clearTimeout(this.timer);
    clearInterval(this.upkeepTimer);
    await this.working;
    const left = [...this.underWay.keys()];
    await Promise.all(this.underWay.values());
    if (left.length > 0)
      await this.store
        .release(left)
        .catch((error: Error) => this.logger.warn(`deliveries were not handed over: ${error.message}`));
  }

  private turn(delayMs: number): void {
    clearTimeout(this.timer);
    if (this.stopping.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.working = this.working.then(() => this.work()).finally(() => this.turn(this.feedAt === 0 ? 0 : TICK_MS));
    }, delayMs).unref();
  }

  /** Never rejects: whatever fails is tried again with the next turn. */
  private async work(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    try {
      if (performance.now() >= this.feedAt) {
        this.feedAt = performance.now() + FEED_MS;
        if (!(await this.feed.makeAll())) this.feedAt = performance.now() + FEED_SOON_MS;
      }
      if (!this.instance.draining) await this.startDue();
      this.fails = false;
    } catch (error) {
      if (!this.fails && !this.stopping.signal.aborted)
        this.logger.warn(`webhooks are not served: ${(error as Error).message}`);
      this.fails = true;
      this.feedAt ||= performance.now() + TICK_MS;
    }
  }

  private async startDue(): Promise<void> {
    const free = PLACES - this.underWay.size;
    if (free <= 0) return;
    for (const claimed of await this.store.claim(free, this.busyWebhooks())) {
      const sending = this.send(claimed).finally(() => {
        this.underWay.delete(claimed);
        this.turn(0);
      });
      this.underWay.set(claimed, sending);
    }
  }

  private busyWebhooks(): string[] {
    const counts = new Map<string, number>();
    for (const { webhook } of this.underWay.keys()) counts.set(webhook.id, (counts.get(webhook.id) ?? 0) + 1);
    return [...counts].filter(([, count]) => count >= BUSY_WITH).map(([id]) => id);
  }

  /** Never rejects: what is not completed is due again when its lease ends. */
  private async send(claimed: ClaimedDelivery): Promise<void> {
    try {
      await this.store.complete(claimed, await this.sender.send(claimed, this.stopping.signal));
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.logger.error({ err: error, deliveryId: claimed.id }, 'a delivery could not be completed');
    }
  }
}
