import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { DataSource, type EntityManager, Repository } from 'typeorm';
import {
  AuditTrail,
  Conflict,
  CredentialsRequired,
  Encryption,
  fetchPage,
  likeText,
  NotFound,
  OutboundGuard,
  OutboundRefused,
  type Page,
  PreconditionFailed,
  requireContext,
  ValidationFailed,
} from '#core';
import { Webhook, WEBHOOK_SECRET } from './webhook.entity.js';
import { NewWebhookView, WebhookView } from './webhook.view.js';
import type { CreateWebhookDto, UpdateWebhookDto, WebhookListQuery } from './webhooks.dto.js';

const SORTABLE = { name: 'w.name', createdAt: 'w.createdAt', updatedAt: 'w.updatedAt' };
const MAX_WEBHOOKS = 100;

/** Who is told of events. */
@Injectable()
export class WebhooksService {
  constructor(
    @InjectRepository(Webhook) private readonly webhooks: Repository<Webhook>,
    private readonly dataSource: DataSource,
    private readonly audit: AuditTrail,
    private readonly encryption: Encryption,
    private readonly guard: OutboundGuard,
  ) {}

  list(query: WebhookListQuery): Promise<Page<WebhookView>> {
    const builder = this.webhooks.createQueryBuilder('w');
    if (query.enabled !== undefined) builder.andWhere('w.enabled = :enabled', { enabled: query.enabled === 'true' });
    if (query.q) builder.andWhere('w.name ILIKE :text', { text: likeText(query.q) });
    return fetchPage(builder, query, SORTABLE, 'name', (webhook) => WebhookView.of(webhook));
  }

  async get(id: string): Promise<WebhookView> {
    const webhook = await this.webhooks.findOneBy({ id });
    if (!webhook) throw new NotFound('webhook', id);
    return WebhookView.of(webhook);
  }

  /** Makes a webhook. A secret that was not given is made, and in the answer this once. */
  async create({ secret, ...input }: CreateWebhookDto): Promise<NewWebhookView> {
    const id = randomUUID();
    this.audit.describe({ resource: { type: 'webhook', id, name: input.name } });
    this.checkUrl(input.url);
    const used = secret ?? randomBytes(32).toString('base64url');
    requireContext().secrets.add(used);
    const webhook = this.webhooks.create({ id, enabled: true, ...input, sealedSecret: this.seal(id, used) });
    await this.dataSource.transaction(async (manager) => {
      await refuseTakenName(manager, webhook);
      if ((await manager.count(Webhook)) >= MAX_WEBHOOKS)
        throw new Conflict(`There are ${MAX_WEBHOOKS} webhooks. Remove some first.`);
      await manager.insert(Webhook, webhook);
    });
    this.audit.describe({ after: factsOf(webhook) });
    return Object.assign(new NewWebhookView(), await this.get(id), secret === undefined ? { secret: used } : {});
  }

  /** Changes the fields given. Whoever names another address must know the secret, or set a new one. */
  async update(id: string, input: UpdateWebhookDto, version?: number): Promise<WebhookView> {
    return this.dataSource.transaction(async (manager) => {
      const webhook = await this.lock(manager, id, version);
      const before = factsOf(webhook);
      if (input.url !== undefined && input.url !== webhook.url) {
        this.checkUrl(input.url);
        if (input.secret === undefined)
          throw new CredentialsRequired('Another address needs the secret again, or a new one.', '/secret');
      }
      const secretChanged = input.secret !== undefined && !(await this.isSecret(manager, id, input.secret));
      apply(webhook, input);
      if (input.name !== undefined) await refuseTakenName(manager, webhook);
      if (!secretChanged && JSON.stringify(before) === JSON.stringify(factsOf(webhook))) return WebhookView.of(webhook);
      if (input.secret !== undefined) webhook.sealedSecret = this.seal(id, input.secret);
      webhook.version++;
      webhook.updatedAt = new Date();
      this.audit.describe({ before, after: { ...factsOf(webhook), ...(secretChanged ? { secretChanged } : {}) } });
      return WebhookView.of(await manager.save(webhook));
    });
  }

  /** Removes a webhook with its deliveries; those under way may still arrive. */
  async remove(id: string, version?: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      this.audit.describe({ before: factsOf(await this.lock(manager, id, version)) });
      await manager.delete(Webhook, { id });
    });
  }

  private async lock(manager: EntityManager, id: string, version: number | undefined): Promise<Webhook> {
    const webhook = await manager.findOne(Webhook, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!webhook) throw new NotFound('webhook', id);
    this.audit.describe({ resource: { type: 'webhook', id, name: webhook.name } });
    if (version !== undefined && version !== webhook.version) throw new PreconditionFailed();
    return webhook;
  }

  private seal(id: string, secret: string): string {
    return this.encryption.seal(WEBHOOK_SECRET, id, secret);
  }

  private async isSecret(manager: EntityManager, id: string, secret: string): Promise<boolean> {
    const [row]: { sealed_secret: string }[] = await manager.query('SELECT sealed_secret FROM webhooks WHERE id = $1', [
      id,
    ]);
    const [known, given] = [this.encryption.open(WEBHOOK_SECRET, id, row?.sealed_secret ?? ''), secret].map((text) =>
      Buffer.from(text),
    ) as [Buffer, Buffer];
    return known.length === given.length && timingSafeEqual(known, given);
  }

  private checkUrl(url: string): void {
    try {
      this.guard.checkUrl(url, ['http:', 'https:']);
    } catch (error) {
      if (error instanceof OutboundRefused) throw ValidationFailed.at('/url', error.message);
      throw error;
    }
  }
}

function apply(webhook: Webhook, input: UpdateWebhookDto): void {
  if (input.name !== undefined) webhook.name = input.name;
  if (input.url !== undefined) webhook.url = input.url;
  if (input.events !== undefined) webhook.events = input.events;
  if (input.enabled === undefined) return;
  // enabled again, it has a day to show that it works
  if (input.enabled && !webhook.enabled) Object.assign(webhook, { disabledReason: null, failingSince: null });
  webhook.enabled = input.enabled;
}

async function refuseTakenName(manager: EntityManager, { id, name }: Webhook): Promise<void> {
  const taken = await manager
    .createQueryBuilder(Webhook, 'w')
    .where('lower(w.name) = lower(:name) AND w.id <> :id', { name, id })
    .getExists();
  if (taken)
    throw new Conflict('A webhook with this name already exists.', {
      errors: [{ pointer: '/name', message: 'is taken' }],
    });
}

/** What the audit log shows of a webhook. */
function factsOf({ name, url, events, enabled }: Webhook): object {
  return { name, url, events, enabled };
}
