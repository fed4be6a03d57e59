import { HttpModule } from '@nestjs/axios';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { RouteCatalogue } from './access/route-catalogue.js';
import { CacheModule, REDIS } from './cache/cache.module.js';
import { APP_CONFIG, type AppConfig } from './config/config.js';
import { ResponseHeadersInterceptor } from './http/response-headers.interceptor.js';
import { EventLog } from './events/event-log.js';
import { EventStreams } from './events/event-streams.service.js';
import { EventsController } from './events/events.controller.js';
import { Events } from './events/events.js';
import { MemoryWindows } from './limits/memory-windows.js';
import { IdempotencyStore } from './idempotency/idempotency-store.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { RedisWindows } from './limits/redis-windows.client.js';
import { AddressLimitGuard, CallerLimitGuard, rates } from './limits/rate-limit.guards.js';
import { Metrics } from './metrics/metrics.js';
import { OPERATION_PROVIDERS } from './operations/operation.parts.js';
import { OperationsController } from './operations/operations.controller.js';
import { Operations } from './operations/operations.js';
import { OutboundGuard } from './outbound/outbound-guard.js';
import { OutboundHttp } from './outbound/outbound-http.client.js';
import { Instance } from './process/instance.js';
import type { RedisConnection } from './redis/redis.client.js';
import { ScheduleStore } from './schedules/schedule-store.js';
import { SchedulesController } from './schedules/schedules.controller.js';
import { Schedules } from './schedules/schedules.js';
import { SchedulesService } from './schedules/schedules.service.js';
import { Encryption } from './secrets/encryption.js';
import { KeyRotation } from './secrets/key-rotation.js';
import { KeyStore } from './secrets/key-store.js';
import { StreamShutdown } from './streams/open-streams.js';
import { StreamLimits } from './streams/stream-limits.js';
import { StreamRights } from './streams/stream-rights.js';
import { StreamTickets } from './streams/stream-tickets.js';
import { StreamTicketsController } from './streams/stream-tickets.controller.js';
import { WebSocketGateway } from './streams/websocket-gateway.js';
import { SystemDirectory } from './systems/system-directory.js';

/** What every room needs. Global, so that rooms only import what is special to them. */
@Global()
@Module({})
export class CoreModule {
  static forRoot(config: AppConfig): DynamicModule {
    return {
      module: CoreModule,
      imports: [
        HttpModule,
        DiscoveryModule,
        CacheModule.forRoot(config.redisUrl),
        ThrottlerModule.forRootAsync({
          inject: [REDIS],
          useFactory: (redis: RedisConnection | null) => ({
            throttlers: rates(config.rateLimit),
            storage: redis ? new RedisWindows(redis) : new MemoryWindows(),
          }),
        }),
      ],
      controllers: [OperationsController, SchedulesController, EventsController, StreamTicketsController],
      providers: [
        { provide: APP_CONFIG, useValue: config },
        { provide: Encryption, useFactory: () => new Encryption(config.encryptionKeys) },
        {
          provide: KeyStore,
          inject: [DataSource, Encryption],
          useFactory: (source: DataSource, encryption: Encryption) => KeyStore.open(source, encryption),
        },
        { provide: OutboundGuard, useFactory: () => new OutboundGuard(config.outbound) },
        OutboundHttp,
        SystemDirectory,
        RouteCatalogue,
        Instance,
        AddressLimitGuard,
        CallerLimitGuard,
        ResponseHeadersInterceptor,
        KeyRotation,
        Metrics,
        IdempotencyStore,
        IdempotencyInterceptor,
        ...OPERATION_PROVIDERS,
        ScheduleStore,
        Schedules,
        SchedulesService,
        EventLog,
        { provide: Events, useExisting: EventLog },
        EventStreams,
        StreamLimits,
        StreamRights,
        StreamTickets,
        StreamShutdown,
        WebSocketGateway,
      ],
      exports: [
        APP_CONFIG,
        Encryption,
        KeyStore,
        OutboundGuard,
        OutboundHttp,
        SystemDirectory,
        RouteCatalogue,
        Instance,
        AddressLimitGuard,
        CallerLimitGuard,
        ResponseHeadersInterceptor,
        Metrics,
        IdempotencyInterceptor,
        Operations,
        Schedules,
        Events,
        StreamLimits,
        WebSocketGateway,
        ThrottlerModule,
      ],
    };
  }
}
