import type { Webhook } from './webhook.entity.js';

/** A webhook as the API shows it. */
export class WebhookView {
  id!: string;
  /** @example "chat" */
  name!: string;
  /** @example "https://hooks.example.com/einfra" */
  url!: string;
  /** @example ["server.*"] */
  events!: string[];
  enabled!: boolean;
  /** Why EINFRA has disabled it; null when it did not. */
  disabledReason!: string | null;
  /** The first failure since the last success; null while deliveries arrive. */
  failingSince!: string | null;
  /** Counts changes; the ETag. */
  version!: number;
  createdAt!: string;
  updatedAt!: string;

  static of(webhook: Webhook): WebhookView {
    const { id, name, url, events, enabled, disabledReason, version } = webhook;
    return Object.assign(new WebhookView(), {
      id,
      name,
      url,
      events,
      enabled,
      disabledReason,
      failingSince: webhook.failingSince?.toISOString() ?? null,
      version,
      createdAt: webhook.createdAt.toISOString(),
      updatedAt: webhook.updatedAt.toISOString(),
    });
  }
}

/** A new webhook. */
export class NewWebhookView extends WebhookView {
  /** The secret, when EINFRA made it; it is not shown again. */
  secret?: string;
}
