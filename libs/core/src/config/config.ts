import { VARIABLES, type VariableName } from './variables.js';
import type { OutboundAllowance } from '../outbound/outbound-guard.js';

/** Everything that can be configured, typed and checked. Read once, at start. */
export interface AppConfig {
  production: boolean;
  port: number;
  host: string;
  logLevel: string;
  corsOrigins: string[];
  /** How many proxies in front are trusted to name the caller's address. */
  trustedProxies: number;
  docs: boolean;
  dataDir: string;
  database: DatabaseConfig;
  redisUrl: string | null;
  adminPassword: string | null;
  encryptionKeys: { id: string; key: Buffer }[];
  outbound: OutboundAllowance;
  /** Requests a minute for one caller; 0 lifts all rates. */
  rateLimit: number;
  upstreamTimeoutMs: number;
  /** Seconds between two scrapes of a server. */
  scrapeIntervalSeconds: number;
  /** Days that metric samples are kept. */
  metricsRetentionDays: number;
  /** Days that their 5-minute roll-up is kept. */
  metricsRollupDays: number;
  /** Days that audit entries are kept; 0: for ever. */
  auditRetentionDays: number;
  /** Between readiness turning red and the server closing, so that a balancer notices. */
  shutdownDelayMs: number;
}

/** PostgreSQL at `url`, or the embedded database when it is null. */
export interface DatabaseConfig {
  url: string | null;
  poolSize: number;
  statementTimeoutMs: number;
  /** `disable`, `require` (encrypted, not verified) or `verify` (checked against `sslCa` or the system's roots). */
  ssl: 'disable' | 'require' | 'verify';
  /** PEM. */
  sslCa: string | null;
}

/** DI token of the configuration. */
export const APP_CONFIG = Symbol('AppConfig');

/** All mistakes in the environment, one a line. */
export class ConfigError extends Error {
  constructor(readonly mistakes: string[]) {
    super(`The configuration has mistakes:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Reads the configuration. Throws ConfigError listing every mistake at once. Unknown variables are left alone. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): AppConfig {
  const mistakes: string[] = [];
  const production = environment['NODE_ENV'] === 'production';
  const read = <N extends VariableName>(name: N): ReturnType<(typeof VARIABLES)[N]['parse']> => {
    const variable = VARIABLES[name];
    const given = environment[name];
    const text = given === undefined || given.trim() === '' ? variable.default : given.trim();
    try {
      return variable.parse(text, production) as ReturnType<(typeof VARIABLES)[N]['parse']>;
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
      return undefined as never;
    }
  };
  const config: AppConfig = {
    production,
    port: read('PORT'),
    host: read('HOST'),
    logLevel: read('LOG_LEVEL'),
    corsOrigins: read('CORS_ORIGINS'),
    trustedProxies: read('TRUSTED_PROXIES'),
    docs: read('DOCS'),
    dataDir: read('EINFRA_DATA_DIR'),
    database: {
      url: read('DATABASE_URL'),
      poolSize: read('DATABASE_POOL_SIZE'),
      statementTimeoutMs: read('DATABASE_STATEMENT_TIMEOUT') * 1000,
      ssl: read('DATABASE_SSL'),
      sslCa: read('DATABASE_SSL_CA'),
    },
    redisUrl: read('REDIS_URL'),
    adminPassword: read('ADMIN_PASSWORD'),
    encryptionKeys: read('ENCRYPTION_KEYS'),
    outbound: read('OUTBOUND_ALLOW'),
    rateLimit: read('RATE_LIMIT'),
    upstreamTimeoutMs: read('UPSTREAM_TIMEOUT') * 1000,
    scrapeIntervalSeconds: read('SCRAPE_INTERVAL'),
    metricsRetentionDays: read('METRICS_RETENTION_DAYS'),
    metricsRollupDays: read('METRICS_ROLLUP_DAYS'),
    auditRetentionDays: read('AUDIT_RETENTION_DAYS'),
    shutdownDelayMs: read('SHUTDOWN_DELAY') * 1000,
  };
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}
