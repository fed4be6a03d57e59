import { randomBytes } from 'node:crypto';
import { Encryption, type EncryptedColumn } from './encryption.js';

const COLUMN: EncryptedColumn = { table: 'things', column: 'secret', idColumn: 'id' };
const OTHER: EncryptedColumn = { table: 'things', column: 'other', idColumn: 'id' };

describe('Encryption', () => {
  const key = randomBytes(32);
  const encryption = new Encryption([{ id: 'k1', key }]);

  it('opens what it sealed, and seals differently each time', () => {
    const sealed = encryption.seal(COLUMN, 'row', 'geheim ✓');
    expect(encryption.open(COLUMN, 'row', sealed)).toBe('geheim ✓');
    expect(encryption.seal(COLUMN, 'row', 'geheim ✓')).not.toBe(sealed);
    expect(sealed).not.toContain('geheim');
  });

  it('refuses a value moved to another row or column', () => {
    const sealed = encryption.seal(COLUMN, 'row', 'text');
    expect(() => encryption.open(COLUMN, 'other row', sealed)).toThrow();
    expect(() => encryption.open(OTHER, 'row', sealed)).toThrow();
  });

  it('refuses a changed value', () => {
    const [version, id, payload = ''] = encryption.seal(COLUMN, 'row', 'text').split('.');
    const bytes = Buffer.from(payload, 'base64url');
    bytes[bytes.length - 1]! ^= 1;
    expect(() => encryption.open(COLUMN, 'row', [version, id, bytes.toString('base64url')].join('.'))).toThrow();
  });

  it('opens values of older keys, seals with the first, and names a missing key', () => {
    const sealed = encryption.seal(COLUMN, 'row', 'text');
    const rotated = new Encryption([
      { id: 'k2', key: randomBytes(32) },
      { id: 'k1', key },
    ]);
    expect(rotated.open(COLUMN, 'row', sealed)).toBe('text');
    expect(rotated.seal(COLUMN, 'row', 'text')).toMatch(/^v1\.k2\./);
    expect(() => new Encryption([{ id: 'k3', key }]).open(COLUMN, 'row', sealed)).toThrow(/k1/);
  });
});
