import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiCursorPage, ApiPage, type CursorPage, IdParams, IfMatch, Page } from '#core';
import { DeliveriesService } from './deliveries/deliveries.service.js';
import { DeliveryView } from './deliveries/delivery.view.js';
import { DeliveryParams } from './delivery-params.dto.js';
import { NewWebhookView, WebhookView } from './webhook.view.js';
import { CreateWebhookDto, DeliveryQuery, UpdateWebhookDto, WebhookListQuery } from './webhooks.dto.js';
import { WebhooksService } from './webhooks.service.js';

@Controller('webhooks')
@ApiTags('Webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly deliveries: DeliveriesService,
  ) {}

  /** Webhooks. */
  @Get()
  @Allow('webhooks:read')
  @ApiPage(WebhookView)
  list(@Query() query: WebhookListQuery): Promise<Page<WebhookView>> {
    return this.webhooks.list(query);
  }

  /** One webhook. */
  @Get(':id')
  @Allow('webhooks:read')
  get(@Param() { id }: IdParams): Promise<WebhookView> {
    return this.webhooks.get(id);
  }

  /**
   * Makes a webhook. Each event is sent as `POST` with `X-Einfra-Event`, `X-Einfra-Delivery` (the same when it is tried again) and
   * `X-Einfra-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>" in hexadecimal>`. A 2xx within 10 s is success; anything else
   * is tried again, eight times over some two hours.
   */
  @Post()
  @Allow('webhooks:write', { action: 'webhook.create' })
  async create(
    @Body() body: CreateWebhookDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NewWebhookView> {
    const webhook = await this.webhooks.create(body);
    void reply.header('Location', `/api/webhooks/${webhook.id}`);
    return webhook;
  }

  /** Changes the fields given. Another address needs the secret again. */
  @Patch(':id')
  @Allow('webhooks:write', { action: 'webhook.update' })
  update(@Param() { id }: IdParams, @Body() body: UpdateWebhookDto, @IfMatch() version?: number): Promise<WebhookView> {
    return this.webhooks.update(id, body, version);
  }

  /** Removes a webhook with its log of deliveries. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('webhooks:write', { action: 'webhook.delete' })
  remove(@Param() { id }: IdParams, @IfMatch() version?: number): Promise<void> {
    return this.webhooks.remove(id, version);
  }

  /** Sends a test now, once. Answers 200 also when it does not arrive: `state` and `problem` say how it went. */
  @Post(':id/test')
  @HttpCode(200)
  @Allow('webhooks:write', { action: 'webhook.test' })
  test(@Param() { id }: IdParams): Promise<DeliveryView> {
    return this.deliveries.test(id);
  }

  /** What was sent, or is to be, newest first; kept for seven days. */
  @Get(':id/deliveries')
  @Allow('webhooks:read')
  @ApiCursorPage(DeliveryView)
  listDeliveries(@Param() { id }: IdParams, @Query() query: DeliveryQuery): Promise<CursorPage<DeliveryView>> {
    return this.deliveries.list(id, query);
  }

  /** One delivery. */
  @Get(':id/deliveries/:deliveryId')
  @Allow('webhooks:read')
  getDelivery(@Param() { id, deliveryId }: DeliveryParams): Promise<DeliveryView> {
    return this.deliveries.get(id, deliveryId);
  }

  /** Sends the same payload again, as a new delivery. */
  @Post(':id/deliveries/:deliveryId/replay')
  @Allow('webhooks:write', { action: 'webhook.replay' })
  async replay(
    @Param() { id, deliveryId }: DeliveryParams,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeliveryView> {
    const delivery = await this.deliveries.replay(id, deliveryId);
    void reply.header('Location', `/api/webhooks/${id}/deliveries/${delivery.id}`);
    return delivery;
  }
}
