import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { encryptedColumn, type Encryption } from './encryption.js';
import { usedKeyIds } from './reencrypt.js';

const secretColumn = encryptedColumn('secret_keys', 'sealed_secret');
const checkColumn = encryptedColumn('encryption_checks', 'sealed_check', 'key_id');
const CHECK_TEXT = 'einfra encryption key check';
/** Serialises the first start of several processes. */
const KEYS_LOCK = 7_341_002;
/** Access tokens live 15 minutes; replicas sign with the older key until they read the keys again, an hour later at most. */
const OVERLAP_SECONDS = 2 * 3_600;

/** What a generated key is for. */
export type KeyPurpose = 'jwt' | 'audit' | 'idempotency';

/** A key made by EINFRA, kept encrypted in the database. */
export interface StoredKey {
  id: string;
  purpose: KeyPurpose;
  key: KeyObject;
  createdAt: Date;
}

/** ENCRYPTION_KEYS does not fit the database. The message says what to do. */
export class WrongEncryptionKey extends Error {
  override readonly name = 'WrongEncryptionKey';
}

interface KeyRow {
  id: string;
  purpose: KeyPurpose;
  sealed_secret: string;
  created_at: Date;
}

/** The generated signing keys of this installation: 32 random bytes each, made on first start, encrypted with ENCRYPTION_KEYS. */
export class KeyStore {
  private keys = new Map<string, StoredKey>();

  private constructor(
    private readonly dataSource: DataSource,
    private readonly encryption: Encryption,
  ) {}

  /** Checks ENCRYPTION_KEYS against the database (throws WrongEncryptionKey) and loads the keys, making those that are missing. */
  static async open(dataSource: DataSource, encryption: Encryption): Promise<KeyStore> {
    const store = new KeyStore(dataSource, encryption);
    await dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [KEYS_LOCK]);
      await store.checkEncryptionKeys(manager);
      for (const purpose of ['jwt', 'audit', 'idempotency'] as const) await store.makeMissing(manager, purpose);
      await store.load(manager);
    });
    return store;
  }

  /** The newest key for a purpose: the one that signs. */
  current(purpose: KeyPurpose): StoredKey {
    const keys = [...this.keys.values()].filter((key) => key.purpose === purpose);
    const newest = keys.reduce<StoredKey | undefined>(
      (best, key) => (!best || key.createdAt > best.createdAt ? key : best),
      undefined,
    );
    if (!newest) throw new Error(`there is no ${purpose} key`);
    return newest;
  }

  /** A key by its id (a JWT's `kid`), or null. */
  byId(id: string, purpose: KeyPurpose): StoredKey | null {
    const key = this.keys.get(id);
    return key?.purpose === purpose ? key : null;
  }

  /**
   * Makes a new signing key when the newest is older than `maxAgeMs`; older ones verify until the last token signed with them has
   * expired, then they are removed. Of several processes one does it. The audit log's keys are never removed.
   */
  async rotateJwt(maxAgeMs: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [KEYS_LOCK]);
      await this.load(manager);
      if (Date.now() - this.current('jwt').createdAt.getTime() >= maxAgeMs) await this.make(manager, 'jwt');
      await manager.query(
        `DELETE FROM secret_keys old WHERE purpose = 'jwt' AND EXISTS (
           SELECT 1 FROM secret_keys newer WHERE newer.purpose = 'jwt' AND newer.created_at > old.created_at
             AND newer.created_at < now() - make_interval(secs => $1))`,
        [OVERLAP_SECONDS],
      );
      await this.load(manager);
    });
  }

  /** Reads the keys again, for those that another process made. */
  async reload(): Promise<void> {
    await this.load(this.dataSource.manager);
  }

  private async checkEncryptionKeys(manager: EntityManager): Promise<void> {
    const missing = [...(await usedKeyIds((sql) => manager.query(sql)))].filter(
      (id) => !this.encryption.keyIds().includes(id),
    );
    if (missing.length > 0) {
      throw new WrongEncryptionKey(
        `The database holds values encrypted with key “${missing.join('”, “')}”, which ENCRYPTION_KEYS lacks. Add it back.`,
      );
    }
    const rows = await manager.query<{ key_id: string; sealed_check: string }[]>(
      'SELECT key_id, sealed_check FROM encryption_checks',
    );
    for (const { key_id: keyId, sealed_check: sealed } of rows)
      if (this.encryption.keyIds().includes(keyId)) this.checkOne(keyId, sealed);
    const known = new Set(rows.map((row) => row.key_id));
    for (const id of this.encryption.keyIds()) {
      if (known.has(id)) continue;
      const sealed = this.encryption.sealWith(id, checkColumn, id, CHECK_TEXT);
      await manager.query('INSERT INTO encryption_checks (key_id, sealed_check) VALUES ($1, $2)', [id, sealed]);
    }
  }

  private checkOne(keyId: string, sealed: string): void {
    try {
      this.encryption.open(checkColumn, keyId, sealed);
    } catch {
      throw new WrongEncryptionKey(
        `Key “${keyId}” of ENCRYPTION_KEYS is not the one that this database was encrypted with.`,
      );
    }
  }

  private async makeMissing(manager: EntityManager, purpose: KeyPurpose): Promise<void> {
    const found = await manager.query<unknown[]>('SELECT 1 FROM secret_keys WHERE purpose = $1 LIMIT 1', [purpose]);
    if (found.length === 0) await this.make(manager, purpose);
  }

  private async make(manager: EntityManager, purpose: KeyPurpose): Promise<void> {
    const id = randomUUID();
    const sealed = this.encryption.seal(secretColumn, id, randomBytes(32).toString('base64'));
    await manager.query('INSERT INTO secret_keys (id, purpose, sealed_secret) VALUES ($1, $2, $3)', [
      id,
      purpose,
      sealed,
    ]);
  }

  private async load(manager: EntityManager): Promise<void> {
    const rows: KeyRow[] = await manager.query('SELECT id, purpose, sealed_secret, created_at FROM secret_keys');
    this.keys = new Map(rows.map((row) => [row.id, this.fromRow(row)]));
  }

  private fromRow(row: KeyRow): StoredKey {
    const secret = this.encryption.open(secretColumn, row.id, row.sealed_secret);
    return {
      id: row.id,
      purpose: row.purpose,
      key: createSecretKey(Buffer.from(secret, 'base64')),
      createdAt: row.created_at,
    };
  }
}
