import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

/** A column that holds encrypted text. Listed once, so that key rotation finds every one. */
export interface EncryptedColumn {
  table: string;
  column: string;
  /** Column with the row's identity; its value is bound into the ciphertext. */
  idColumn: string;
}

const columns: EncryptedColumn[] = [];

/** Declares an encrypted column; call it once at the top of the file that reads and writes it. */
export function encryptedColumn(table: string, column: string, idColumn = 'id'): EncryptedColumn {
  const declared = { table, column, idColumn };
  columns.push(declared);
  return declared;
}

/** Every encrypted column of the loaded rooms. */
export function encryptedColumns(): readonly EncryptedColumn[] {
  return columns;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM with a key id in each value. Table, row and column are bound in as additional data, so that a ciphertext copied to
 * another place can't be opened there. A value is `v1.<key id>.<base64url of iv, tag, ciphertext>`.
 */
export class Encryption {
  private readonly keys = new Map<string, KeyObject>();
  /** Id of the key that encrypts; the others only decrypt. */
  readonly primaryKeyId: string;

  /** `keys` in the order of ENCRYPTION_KEYS, 32 bytes each; the first encrypts. */
  constructor(keys: readonly { id: string; key: Buffer }[]) {
    const first = keys[0];
    if (!first) throw new Error('no encryption key');
    this.primaryKeyId = first.id;
    for (const { id, key } of keys) this.keys.set(id, createSecretKey(key));
  }

  keyIds(): string[] {
    return [...this.keys.keys()];
  }

  /** Encrypts `text` for one row of a column. */
  seal(column: EncryptedColumn, rowId: string, text: string): string {
    return this.sealWith(this.primaryKeyId, column, rowId, text);
  }

  /** Encrypts with a certain key; only the check values of keys need it. */
  sealWith(keyId: string, column: EncryptedColumn, rowId: string, text: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key(keyId), iv).setAAD(additionalData(column, rowId));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `v1.${keyId}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
  }

  /** Decrypts what `seal` made for the same row and column. Throws when the key is missing or anything was changed. */
  open(column: EncryptedColumn, rowId: string, sealed: string): string {
    const [version, keyId, payload] = sealed.split('.');
    if (version !== 'v1' || !keyId || !payload)
      throw new Error(`${column.table}.${column.column} holds something that is not ours`);
    const bytes = Buffer.from(payload, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.key(keyId), bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(additionalData(column, rowId))
      .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  }

  private key(id: string): KeyObject {
    const key = this.keys.get(id);
    if (!key) throw new Error(`encryption key ${id} is not among ENCRYPTION_KEYS`);
    return key;
  }
}

function additionalData({ table, column }: EncryptedColumn, rowId: string): Buffer {
  return Buffer.from(JSON.stringify([table, column, rowId]), 'utf8');
}
