import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import type { AppConfig } from '#core';
import { openDataSource } from './data-source.js';
import { EmbeddedMaintenance } from './embedded-maintenance.js';

/** The one data source. Entities are those that the rooms register with `TypeOrmModule.forFeature`. */
@Global()
@Module({})
export class DatabaseModule {
  /** `dataDir` null keeps the embedded database in memory (tests). */
  static forRoot(config: AppConfig, dataDir: string | null): DynamicModule {
    const embedded = config.database.url === null;
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: (): TypeOrmModuleOptions => ({
            type: 'postgres',
            autoLoadEntities: true,
            retryAttempts: embedded ? 1 : 10,
            retryDelay: 2_000,
            toRetry: isConnectionRefused,
          }),
          dataSourceFactory: (options) => openDataSource(config.database, dataDir, options?.entities),
        }),
      ],
      providers: embedded ? [EmbeddedMaintenance] : [],
    };
  }
}

/** PostgreSQL that is still starting is worth waiting for; a wrong password or a locked directory is not. */
function isConnectionRefused(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  return ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', '57P03'].includes(code);
}
