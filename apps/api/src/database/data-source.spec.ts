import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Encryption, KeyStore, reencrypt, WrongEncryptionKey } from '#core';
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
    await expect(KeyStore.open(source, new Encryption([{ id: 'k1', key: randomBytes(32) }]))).rejects.toThrow(
      WrongEncryptionKey,
    );
    await expect(KeyStore.open(source, new Encryption([{ id: 'k2', key }]))).rejects.toThrow(/“k1”/);
    await source.destroy();
  });

  it('encrypts anew with the first key, after which the older one may go', async () => {
    const source = await openDataSource(EMBEDDED, null, []);
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const before = await KeyStore.open(source, new Encryption([{ id: 'k1', key: first }]));
    const both = new Encryption([
      { id: 'k2', key: second },
      { id: 'k1', key: first },
    ]);
    await KeyStore.open(source, both);
    const [{ keys }] = await source.query<[{ keys: number }]>('SELECT count(*)::int AS keys FROM secret_keys');
    expect(keys).toBeGreaterThan(1);
    expect(await reencrypt(source, both)).toBe(keys);
    expect(await reencrypt(source, both)).toBe(0);
    const after = await KeyStore.open(source, new Encryption([{ id: 'k2', key: second }]));
    expect(after.current('audit').key.equals(before.current('audit').key)).toBe(true);
    await expect(KeyStore.open(source, new Encryption([{ id: 'k1', key: first }]))).rejects.toThrow(/“k2”/);
    await source.destroy();
  });

  it('makes a new key for tokens and keeps the older one while tokens signed with it may live', async () => {
    const source = await openDataSource(EMBEDDED, null, []);
    const encryption = new Encryption([{ id: 'k1', key: randomBytes(32) }]);
    const [store, replica] = [await KeyStore.open(source, encryption), await KeyStore.open(source, encryption)];
    const old = store.current('jwt').id;
    await store.rotateJwt(3_600_000);
    expect(store.current('jwt').id).toBe(old);
    await store.rotateJwt(0);
    expect(store.current('jwt').id).not.toBe(old);
    expect(store.byId(old, 'jwt')).not.toBeNull();
    await replica.reload();
    expect(replica.current('jwt').id).toBe(store.current('jwt').id);
    await source.query(`UPDATE secret_keys SET created_at = created_at - interval '3 hours' WHERE purpose = 'jwt'`);
    await store.rotateJwt(86_400_000);
    expect(store.byId(old, 'jwt')).toBeNull();
    await source.destroy();
  });
});
