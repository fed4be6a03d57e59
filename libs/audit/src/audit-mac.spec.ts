import { createSecretKey, randomBytes } from 'node:crypto';
import { type AuditHead, entryMac, GENESIS_MAC, headMac } from './audit-mac.js';
import type { AuditRow } from './audit-row.js';

const key = createSecretKey(randomBytes(32));

const row: Omit<AuditRow, 'mac'> = {
  seq: 7,
  phase: 'outcome',
  entrySeq: 6,
  actionId: '0b0e7a0e-3f0c-4d7a-9a51-0f7d2f6f8f11',
  at: new Date('2026-11-24T10:00:00.123Z'),
  actorId: 'u1',
  actorName: 'admin',
  action: 'server.create',
  resourceType: 'server',
  resourceId: 's1',
  outcome: 'succeeded',
  instanceId: null,
  payload: '{"status":201}',
  keyId: '7b0e7a0e-3f0c-4d7a-9a51-0f7d2f6f8f11',
};

describe('entryMac', () => {
  it('is the same for the same row', () => {
    expect(entryMac(key, { ...row, at: new Date(row.at) }, GENESIS_MAC)).toEqual(entryMac(key, row, GENESIS_MAC));
  });

  it.each(Object.keys(row) as (keyof typeof row)[])('depends on %s', (column) => {
    const changed = {
      ...row,
      [column]: column === 'at' ? new Date('2026-11-24T10:00:00.124Z') : column.endsWith('eq') ? 8 : 'other',
    };
    expect(entryMac(key, changed, GENESIS_MAC)).not.toEqual(entryMac(key, row, GENESIS_MAC));
  });

  it('depends on the row before and on the key', () => {
    const mac = entryMac(key, row, GENESIS_MAC);
    expect(entryMac(key, row, randomBytes(32))).not.toEqual(mac);
    expect(entryMac(createSecretKey(randomBytes(32)), row, GENESIS_MAC)).not.toEqual(mac);
  });

  it('tells where one column ends and the next begins', () => {
    const left = entryMac(key, { ...row, actorId: 'a', actorName: 'bc' }, GENESIS_MAC);
    expect(entryMac(key, { ...row, actorId: 'ab', actorName: 'c' }, GENESIS_MAC)).not.toEqual(left);
    expect(entryMac(key, { ...row, resourceId: null }, GENESIS_MAC)).not.toEqual(
      entryMac(key, { ...row, resourceId: 'null' }, GENESIS_MAC),
    );
  });

  it('signs a time that is no date as what it is', () => {
    expect(entryMac(key, { ...row, at: Infinity as never }, GENESIS_MAC)).not.toEqual(entryMac(key, row, GENESIS_MAC));
  });
});

describe('headMac', () => {
  const head: AuditHead = { seq: 7, mac: randomBytes(32), at: row.at, baseSeq: 0, baseMac: GENESIS_MAC };

  it.each([
    ['seq', { seq: 6 }],
    ['mac', { mac: randomBytes(32) }],
    ['at', { at: new Date(0) }],
    ['base', { baseSeq: 1 }],
    ['signature of the base', { baseMac: randomBytes(32) }],
  ])('depends on its %s', (_, change) => {
    expect(headMac(key, { ...head, ...change }, 'k')).not.toEqual(headMac(key, head, 'k'));
  });
});
