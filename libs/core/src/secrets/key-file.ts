import { randomBytes, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the file with the generated key, in EINFRA_DATA_DIR. */
export const KEY_FILE = 'encryption.key';

/**
 * The encryption key for installations without ENCRYPTION_KEYS (never in production): read from the data directory, made there on
 * first start. Of several processes that start together one makes it and all use it: the file appears whole or not at all.
 */
export function keyFromDataDir(dataDir: string): { id: string; key: Buffer } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, KEY_FILE);
  const aside = join(dataDir, `.${KEY_FILE}.${randomUUID()}`);
  try {
    return parse(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  writeFileSync(aside, `local:${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
  return parse(readFileSync(path, 'utf8'), path);
}

function parse(text: string, path: string): { id: string; key: Buffer } {
  const [id, encoded] = text.trim().split(':');
  const key = Buffer.from(encoded ?? '', 'base64');
  if (!id || key.length !== 32)
    throw new Error(`${path} holds no encryption key; restore it from a backup, or set ENCRYPTION_KEYS`);
  return { id, key };
}
