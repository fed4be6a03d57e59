import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import type { DataSourceOptions } from 'typeorm';
import { lockDirectory } from './directory-lock.js';

const SETTINGS = ['shared_buffers=32MB', 'max_wal_size=128MB'];

/** The embedded database, and what must be done to close it. */
export interface EmbeddedDatabase {
  options: Partial<DataSourceOptions>;
  close(): Promise<void>;
}

/** Opens the embedded database in a directory (made on first start), or in memory when the directory is null. */
export async function openEmbedded(dataDir: string | null): Promise<EmbeddedDatabase> {
  const lock = dataDir === null ? null : await lockDirectory(dataDir);
  try {
    const pglite =
      dataDir === null
        ? await PGlite.create('memory://', startOptions())
        : await openDirectory(join(dataDir, 'database'));
    return {
      options: { ...pgOptions(pglite) },
      close: async () => {
        if (!pglite.closed) await pglite.close();
        await lock?.release();
      },
    };
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

/** A start that was killed half way leaves only a directory aside, never a half-made database. */
async function openDirectory(directory: string): Promise<PGlite> {
  if (!existsSync(directory)) {
    const aside = `${directory}.new`;
    rmSync(aside, { recursive: true, force: true });
    const fresh = await PGlite.create(aside, startOptions());
    await fresh.close();
    renameSync(aside, directory);
  }
  return PGlite.create(directory, startOptions());
}

function startOptions(): Record<string, unknown> {
  return { startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])] };
}

function pgOptions(pglite: PGlite): Partial<DataSourceOptions> {
  return {
    type: 'postgres',
    // one connection: the engine inside is single, and a second one ends the process
    poolSize: 1,
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    connectTimeoutMS: 15_000,
    extra: createPgConfig(pglite),
  };
}
