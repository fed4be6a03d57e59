import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { LoggerModule } from 'nestjs-pino';
import { AuditInterceptor, AuditModule } from '#audit';
import { AuthenticationGuard, AuthModule, CheckedScopeInterceptor, PermissionGuard } from '#auth';
import {
  AddressLimitGuard,
  type AppConfig,
  CachedInterceptor,
  CallerLimitGuard,
  CoreModule,
  IdempotencyInterceptor,
  InputPipe,
  ProblemFilter,
  ResponseHeadersInterceptor,
} from '#core';
import { ServersModule } from '#servers';
import { WebhooksModule } from '#webhooks';
import { DatabaseModule } from './database/database.module.js';
import { HealthController } from './health/health.controller.js';
import { MetricsController } from './health/metrics.controller.js';
import { OverviewModule } from './overview/overview.module.js';
import { AppLogger, loggerOptions } from './logging.js';

/** The whole application. The order of guards and interceptors is the order of a request. */
@Module({})
export class AppModule {
  /** `dataDir` is where the embedded database lives; null keeps it in memory. */
  static forRoot(config: AppConfig, dataDir: string | null): DynamicModule {
    return {
      module: AppModule,
      imports: [
        LoggerModule.forRoot(loggerOptions(config)),
        DatabaseModule.forRoot(config, dataDir),
        CoreModule.forRoot(config),
        TerminusModule.forRoot({ logger: false }),
        AuthModule,
        AuditModule,
        ServersModule,
        WebhooksModule,
        OverviewModule,
      ],
      controllers: [HealthController, MetricsController],
      providers: [
        AppLogger,
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_GUARD, useExisting: AddressLimitGuard },
        { provide: APP_GUARD, useExisting: AuthenticationGuard },
        { provide: APP_GUARD, useExisting: CallerLimitGuard },
        { provide: APP_GUARD, useExisting: PermissionGuard },
        { provide: APP_INTERCEPTOR, useExisting: ResponseHeadersInterceptor },
        { provide: APP_INTERCEPTOR, useExisting: IdempotencyInterceptor },
        { provide: APP_INTERCEPTOR, useExisting: AuditInterceptor },
        // above the check that a service asked what may be read: for what is cached it did, when that was loaded for the same rights
        { provide: APP_INTERCEPTOR, useExisting: CachedInterceptor },
        { provide: APP_INTERCEPTOR, useExisting: CheckedScopeInterceptor },
        { provide: APP_PIPE, useClass: InputPipe },
      ],
    };
  }
}
