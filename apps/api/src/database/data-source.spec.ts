import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Encryption, KeyStore, WrongEncryptionKey } from '#core';
import { openDataSource } from './data-source.js';
import { DirectoryLocked } from './directory-lock.js';

const EMBEDDED = { url: null, poolSize: 10, statementTimeoutMs: 30_000, ssl: 'disable', sslCa: null } as const;

describe('the embedded database', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'einfra-db-'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is migrated, keeps what was written, and can be opened again', async () => {
    const first = await openDataSource(EMBEDDED, directory, []);
    await first.query(`INSERT INTO instances (id, seen_at) VALUES (gen_random_uuid(), now())`);
    await first.destroy();
    const second = await openDataSource(EMBEDDED, directory, []);
    expect(await second.query('SELECT count(*)::int AS count FROM instances')).toEqual([{ count: 1 }]);
    await second.destroy();
  });

  it('refuses a second opener of the same directory and says why', async () => {
    const source = await openDataSource(EMBEDDED, directory, []);
    await expect(openDataSource(EMBEDDED, directory, [])).rejects.toThrow(DirectoryLocked);
    await source.destroy();
  });

  it('refuses a directory whose path is too long for a lock', async () => {
    await expect(openDataSource(EMBEDDED, join(directory, 'x'.repeat(120)), [])).rejects.toThrow(/EINFRA_DATA_DIR/);
  });

  it('rolls back a transaction that fails', async () => {
    const source = await openDataSource(EMBEDDED, null, []);
    await expect(
      source.transaction(async (manager) => {
        await manager.query(`INSERT INTO instances (id, seen_at) VALUES (gen_random_uuid(), now())`);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await source.query('SELECT count(*)::int AS count FROM instances')).toEqual([{ count: 0 }]);
    await source.destroy();
  });

  it('keeps its generated keys, and refuses another or a missing encryption key', async () => {
    const source = await openDataSource(EMBEDDED, null, []);
    const key = randomBytes(32);
    const first = await KeyStore.open(source, new Encryption([{ id: 'k1', key }]));
    const again = await KeyStore.open(source, new Encryption([{ id: 'k1', key }]));
    expect(again.current('jwt').key.equals(first.current('jwt').key)).toBe(true);
    expect(again.current('jwt').id).not.toBe(again.current('audit').id);
    await expect(KeyStore.open(source, new Encryption([{ id: 'k1', key: randomBytes(32) }]))).rejects.toThrow(WrongEncryptionKey);
    await expect(KeyStore.open(source, new Encryption([{ id: 'k2', key }]))).rejects.toThrow(/“k1”/);
    await source.destroy();
  });
});
