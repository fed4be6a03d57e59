import { Logger } from '@nestjs/common';
import { DataSource, type DataSourceOptions, MigrationExecutor } from 'typeorm';
import type { DatabaseConfig } from '#core';
import type { EmbeddedDatabase } from './embedded.js';
import { ImpatientClient } from './impatient-client.js';
import { MIGRATIONS } from './migrations/index.js';

/** Serialises migrations of replicas that start together. */
const MIGRATIONS_LOCK = 7_341_001;
/** A call that waits longer than this for a connection gets a 503. */
const CONNECT_TIMEOUT_MS = 1_500;

/** A data source that owns its embedded database. */
class EmbeddedDataSource extends DataSource {
  constructor(
    options: DataSourceOptions,
    private readonly embedded: EmbeddedDatabase,
  ) {
    super(options);
  }

  override async destroy(): Promise<void> {
    await super.destroy();
    await this.embedded.close();
  }
}

/**
 * Connects, migrates under an advisory lock, and hands over the data source.
 * `dataDir` is where the embedded database lives; null keeps it in memory. Both count only without `database.url`.
 */
export async function openDataSource(
  database: DatabaseConfig,
  dataDir: string | null,
  entities: DataSourceOptions['entities'],
): Promise<DataSource> {
  const common = {
    type: 'postgres',
    entities,
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    synchronize: false,
  } as const;
  const source = await connect(database, dataDir, common);
  try {
    await migrate(source);
    return source;
  } catch (error) {
    await source.destroy();
    throw error;
  }
}

async function connect(
  database: DatabaseConfig,
  dataDir: string | null,
  common: Partial<DataSourceOptions>,
): Promise<DataSource> {
  if (database.url !== null) return new DataSource(serverOptions(database, common)).initialize();
  // loaded only where there is no other database
  const { openEmbedded } = await import('./embedded.js');
  const embedded = await openEmbedded(dataDir);
  try {
    return await new EmbeddedDataSource({ ...common, ...embedded.options } as DataSourceOptions, embedded).initialize();
  } catch (error) {
    await embedded.close();
    throw error;
  }
}

function serverOptions(database: DatabaseConfig, common: Partial<DataSourceOptions>): DataSourceOptions {
  const logger = new Logger('Database');
  return {
    ...common,
    type: 'postgres',
    url: database.url ?? undefined,
    poolSize: database.poolSize,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    applicationName: 'einfra',
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    ssl: sslOptions(database),
    poolErrorHandler: (error: Error) => logger.warn(`a pooled connection broke: ${error.message}`),
    extra: {
      Client: ImpatientClient,
      statement_timeout: database.statementTimeoutMs,
      // a server that is frozen never runs into its own timeout
      query_timeout: database.statementTimeoutMs + 1_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
    },
  } as DataSourceOptions;
}

function sslOptions({ ssl, sslCa }: DatabaseConfig): false | { rejectUnauthorized: boolean; ca?: string } {
  if (ssl === 'disable') return false;
  return ssl === 'require' ? { rejectUnauthorized: false } : { rejectUnauthorized: true, ca: sslCa ?? undefined };
}

/** Runs pending migrations on the one connection that holds the lock. */
async function migrate(source: DataSource): Promise<void> {
  const runner = source.createQueryRunner();
  try {
    // waiting for another replica's migrations may take longer than any statement should
    await runner.query('SET statement_timeout = 0');
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATIONS_LOCK]);
    const executor = new MigrationExecutor(source, runner);
    executor.transaction = 'each';
    await executor.executePendingMigrations();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATIONS_LOCK]).catch(() => undefined);
    await runner.query('RESET statement_timeout').catch(() => undefined);
    await runner.release();
  }
}
