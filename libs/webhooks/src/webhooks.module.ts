import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DeliveriesService } from './deliveries/deliveries.service.js';
import { DeliveryFeed } from './deliveries/delivery-feed.js';
import { DeliveryRunner } from './deliveries/delivery-runner.js';
import { DeliverySender } from './deliveries/delivery-sender.js';
import { DeliveryStore } from './deliveries/delivery-store.js';
import { Webhook } from './webhook.entity.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** Events on their way to addresses outside. */
@Module({
  imports: [TypeOrmModule.forFeature([Webhook])],
  controllers: [WebhooksController],
  providers: [WebhooksService, DeliveriesService, DeliveryFeed, DeliveryStore, DeliverySender, DeliveryRunner],
})
export class WebhooksModule {}
