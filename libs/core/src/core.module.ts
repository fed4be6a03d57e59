import { HttpModule } from '@nestjs/axios';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { RouteCatalogue } from './access/route-catalogue.js';
import { APP_CONFIG, type AppConfig } from './config/config.js';
import { ResponseHeadersInterceptor } from './http/response-headers.interceptor.js';
import { MemoryWindows } from './limits/memory-windows.js';
import { AddressLimitGuard, CallerLimitGuard, rates } from './limits/rate-limit.guards.js';
import { OutboundGuard } from './outbound/outbound-guard.js';
import { OutboundHttp } from './outbound/outbound-http.client.js';
import { Instance } from './process/instance.js';
import { Encryption } from './secrets/encryption.js';
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
        ThrottlerModule.forRoot({ ...rates(config.rateLimit), storage: new MemoryWindows() }),
      ],
      providers: [
        { provide: APP_CONFIG, useValue: config },
        { provide: Encryption, useFactory: () => new Encryption(config.encryptionKeys) },
        { provide: KeyStore, inject: [DataSource, Encryption], useFactory: (source: DataSource, encryption: Encryption) => KeyStore.open(source, encryption) },
        { provide: OutboundGuard, useFactory: () => new OutboundGuard(config.outbound) },
        OutboundHttp,
        SystemDirectory,
        RouteCatalogue,
        Instance,
        AddressLimitGuard,
        CallerLimitGuard,
        ResponseHeadersInterceptor,
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
        ThrottlerModule,
      ],
    };
  }
}
