import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AdminBootstrap } from '#auth';
import { type AppConfig, ConfigError, Instance, keyFromDataDir, loadConfig, WrongEncryptionKey } from '#core';
import { createApp } from './app.js';
import { DirectoryLocked } from './database/directory-lock.js';

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIG = 78;
/** In-flight requests get this long to finish. */
const SHUTDOWN_LIMIT_MS = 20_000;

/** Runs EINFRA until a signal ends it. `beforeExit` comes last. */
export async function runServer({ beforeExit }: { beforeExit: () => Promise<void> | undefined }): Promise<void> {
  process.on('uncaughtException', (error) => {
    new Logger('Process').fatal({ err: error }, 'uncaught exception');
    process.exit(1);
  });
  try {
    const config = readConfig();
    const app = await createApp(config);
    await app.listen(config.port, config.host);
    shutDownOnSignals(app, config, beforeExit);
    greet(await app.getUrl(), config, app.get(AdminBootstrap).generatedPassword);
  } catch (error) {
    explain(error);
  }
}

function readConfig(): AppConfig {
  const config = loadConfig(process.env);
  return config.encryptionKeys.length > 0 ? config : { ...config, encryptionKeys: [keyFromDataDir(config.dataDir)] };
}

/** Mistakes of the operator get a sentence, everything else its stack. */
function explain(error: unknown): never {
  if (error instanceof ConfigError || error instanceof WrongEncryptionKey) {
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
  if (error instanceof DirectoryLocked || (error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  }
  process.stderr.write(
    `EINFRA could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}

/** SIGTERM: readiness turns red, traffic gets time to move away, requests in flight finish, then everything closes. */
function shutDownOnSignals(
  app: NestFastifyApplication,
  config: AppConfig,
  beforeExit: () => Promise<void> | undefined,
): void {
  const logger = new Logger('Process');
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    logger.log(`${signal}: shutting down`);
    app.get(Instance).drain();
    setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS + config.shutdownDelayMs).unref();
    await new Promise((resolve) => setTimeout(resolve, config.shutdownDelayMs));
    await app.close();
    await beforeExit();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
}

function greet(address: string, config: AppConfig, generatedPassword: string | null): void {
  const lines = [`EINFRA listens on ${address}`];
  if (config.docs) lines.push(`Swagger UI: ${address}/api/docs`);
  if (generatedPassword !== null)
    lines.push(
      `Sign in as admin with the password ${generatedPassword} (shown once; it must be changed at first sign-in)`,
    );
  else if (config.adminPassword !== null)
    lines.push('Sign in as admin with ADMIN_PASSWORD as of the first start (lost it? npm run admin:reset-password)');
  else lines.push('Sign in as admin (lost the password? npm run admin:reset-password)');
  if (config.database.url === null)
    lines.push(`Data: embedded database in ${config.dataDir} (for production set DATABASE_URL)`);
  if (!config.production)
    lines.push(
      'Not production: connections to local and private addresses are allowed (OUTBOUND_ALLOW counts in production)',
    );
  process.stdout.write(`\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`);
}
