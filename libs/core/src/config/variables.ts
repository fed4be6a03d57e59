import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseAllowance } from '../outbound/outbound-guard.js';

/** A variable of the environment: its default, what it means, and how its text becomes a value (throws Error saying what is wrong). */
interface Variable<T> {
  default: string;
  meaning: string;
  parse: (text: string, production: boolean) => T;
}

function variable<T>(fallback: string, meaning: string, parse: Variable<T>['parse']): Variable<T> {
  return { default: fallback, meaning, parse };
}

/** Every variable that is read. `.env.example` and the README's table list the same. */
export const VARIABLES = {
  NODE_ENV: variable(
    '',
    '`production` demands ENCRYPTION_KEYS and closes the way to local and private addresses',
    (text) => text,
  ),
  PORT: variable('8080', 'Port to listen on; 0 takes a free one', integer(0, 65_535)),
  HOST: variable('127.0.0.1', 'Address to listen on', (text) => text),
  LOG_LEVEL: variable(
    'info',
    'trace, debug, info, warn, error or silent',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
  ),
  CORS_ORIGINS: variable('', 'Origins of web consoles, comma-separated, like https://console.example.com', origins),
  TRUSTED_PROXIES: variable(
    '0',
    'How many proxies in front may name the address of the caller (X-Forwarded-For)',
    integer(0, 10),
  ),
  DOCS: variable('on', 'Swagger UI and /api/openapi.json: on or off', (text) => oneOf('on', 'off')(text) === 'on'),
  DATABASE_URL: variable(
    '',
    'PostgreSQL, like postgres://user:password@host:5432/einfra; without it the database is embedded',
    databaseUrl,
  ),
  DATABASE_POOL_SIZE: variable('10', 'Connections to PostgreSQL at the most', integer(2, 200)),
  DATABASE_STATEMENT_TIMEOUT: variable('30', 'Seconds after which PostgreSQL gives up a statement', integer(1, 3600)),
  DATABASE_SSL: variable(
    'disable',
    'disable, require (encrypted, not verified) or verify',
    oneOf('disable', 'require', 'verify'),
  ),
  DATABASE_SSL_CA: variable('', 'File with the CA of PostgreSQL as PEM, for DATABASE_SSL=verify', pemFile),
  REDIS_URL: variable(
    '',
    'Redis for cache and rate limits, like redis://host:6379; without it both are in memory',
    redisUrl,
  ),
  EINFRA_DATA_DIR: variable(
    './data',
    'Directory of the embedded database and of the generated encryption key',
    (text) => resolve(text),
  ),
  ADMIN_PASSWORD: variable(
    '',
    'First start only: password of the user admin, at least 12 characters; without it one is printed once',
    adminPassword,
  ),
  ENCRYPTION_KEYS: variable(
    '',
    'id:base64 of 32 bytes, comma-separated; the first encrypts. Required in production',
    encryptionKeys,
  ),
  OUTBOUND_ALLOW: variable(
    '',
    'What may be connected to besides public addresses: addresses, CIDRs, host names, unix:///path',
    (text, production) => parseAllowance(text, !production),
  ),
  RATE_LIMIT: variable('1200', 'Requests a minute for one caller; 0 lifts all rates', integer(0, 1_000_000)),
  UPSTREAM_TIMEOUT: variable('10', 'Seconds for one answer of a remote system', integer(1, 300)),
  SCRAPE_INTERVAL: variable('15', 'Seconds between two readings of a server', integer(5, 3600)),
  METRICS_RETENTION_DAYS: variable('30', 'Days that metric samples are kept', integer(1, 3650)),
  METRICS_ROLLUP_DAYS: variable('90', 'Days that the 5-minute roll-up of metric samples is kept', integer(1, 3650)),
  AUDIT_RETENTION_DAYS: variable('365', 'Days that audit entries are kept; 0 keeps them for ever', integer(0, 36_500)),
  SHUTDOWN_DELAY: variable(
    '0',
    'Seconds between readiness turning red and the end, so that a balancer notices',
    integer(0, 300),
  ),
} as const satisfies Record<string, Variable<unknown>>;

export type VariableName = keyof typeof VARIABLES;

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  };
}

function oneOf<T extends string>(...values: T[]): (text: string) => T {
  return (text) => {
    if (!(values as string[]).includes(text)) throw new Error(`must be one of ${values.join(', ')}`);
    return text as T;
  };
}

function origins(text: string): string[] {
  return list(text).map((origin) => {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new Error(`has “${origin}”, which is no origin like https://console.example.com`);
    return origin;
  });
}

function databaseUrl(text: string): string | null {
  return url(text, ['postgres:', 'postgresql:']);
}

function redisUrl(text: string): string | null {
  return url(text, ['redis:', 'rediss:']);
}

function url(text: string, schemes: string[]): string | null {
  if (text === '') return null;
  // the text itself may hold a password: it is not repeated
  if (!URL.canParse(text) || !schemes.includes(new URL(text).protocol))
    throw new Error(`must be a URL that starts with ${schemes[0]}//`);
  return text;
}

function pemFile(text: string): string | null {
  if (text === '') return null;
  let pem: string;
  try {
    pem = readFileSync(text, 'utf8');
  } catch {
    throw new Error('names a file that can’t be read');
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('names a file that holds no PEM certificate');
  return pem;
}

function adminPassword(text: string): string | null {
  if (text === '') return null;
  if (text.length < 12) throw new Error('must have at least 12 characters');
  return text;
}

function encryptionKeys(text: string, production: boolean): { id: string; key: Buffer }[] {
  if (text === '') {
    if (production) throw new Error('is required in production, like k1:$(openssl rand -base64 32)');
    return [];
  }
  const keys = list(text).map((entry, index) => {
    const [, id, encoded] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+=*)$/.exec(entry) ?? [];
    const key = Buffer.from(encoded ?? '', 'base64');
    if (!id || key.length !== 32) throw new Error(`entry ${index + 1} is not id:base64 of 32 bytes`);
    return { id, key };
  });
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw new Error('has the same id twice');
  return keys;
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
