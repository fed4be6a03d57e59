import { HttpModule } from '@nestjs/axios';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { RouteCatalogue } from './access/route-catalogue.js';
import { CacheModule, REDIS } from './cache/cache.module.js';
import { APP_CONFIG, type AppConfig } from './config/config.js';
import { ResponseHeadersInterceptor } from './http/response-headers.interceptor.js';
import { MemoryWindows } from './limits/memory-windows.js';
import { IdempotencyStore } from './idempotency/idempotency-store.js';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor.js';
import { RedisWindows } from './limits/redis-windows.client.js';
import { AddressLimitGuard, CallerLimitGuard, rates } from './limits/rate-limit.guards.js';
import { Metrics } from './metrics/metrics.js';
import { OutboundGuard } from './outbound/outbound-guard.js';
import { OutboundHttp } from './outbound/outbound-http.client.js';
import { Instance } from './process/instance.js';
import type { RedisConnection } from './redis/redis.client.js';
import { Encryption } from './secrets/encryption.js';
import { KeyRotation } from './secrets/key-rotation.js';
import { KeyStore } from './secrets/key-store.js';
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
        ThrottlerModule,
      ],
    };
  }
}
