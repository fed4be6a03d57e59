import type { DataSource } from 'typeorm';
import { type EncryptedColumn, type Encryption, encryptedColumns } from './encryption.js';

const BATCH = 200;

interface Row {
  id: string;
  sealed: string;
}

/**
 * Encrypts every value anew that was not encrypted with the first key, and answers how many. May be stopped and run again at any
 * time, and beside running processes: a value that they change meanwhile is left to them, or found by the next batch.
 */
export async function reencrypt(dataSource: DataSource, encryption: Encryption): Promise<number> {
  let count = 0;
  for (const column of encryptedColumns()) {
    if (column.table === 'encryption_checks') continue;
    for (let batch = await nextBatch(dataSource, encryption, column, ''); batch.length > 0;) {
      for (const row of batch) count += await reencryptRow(dataSource, encryption, column, row);
      batch = await nextBatch(dataSource, encryption, column, batch.at(-1)?.id ?? '');
    }
  }
  await forgetUnusedChecks(dataSource, encryption);
  return count;
}

/** Ids of the keys that stored values were encrypted with. */
export async function usedKeyIds(query: (sql: string) => Promise<{ key_id: string }[]>): Promise<Set<string>> {
  const used = new Set<string>();
  for (const { table, column } of encryptedColumns()) {
    const rows = await query(
      `SELECT DISTINCT split_part("${column}", '.', 2) AS key_id FROM "${table}" WHERE "${column}" IS NOT NULL`,
    );
    for (const { key_id: keyId } of rows) used.add(keyId);
  }
  return used;
}

function nextBatch(
  dataSource: DataSource,
  { primaryKeyId }: Encryption,
  { table, column, idColumn }: EncryptedColumn,
  after: string,
): Promise<Row[]> {
  return dataSource.query<Row[]>(
    `SELECT "${idColumn}"::text AS id, "${column}" AS sealed FROM "${table}"
     WHERE "${column}" IS NOT NULL AND NOT starts_with("${column}", $1) AND "${idColumn}"::text > $2 ORDER BY "${idColumn}"::text LIMIT ${BATCH}`,
    [`v1.${primaryKeyId}.`, after],
  );
}

async function reencryptRow(
  dataSource: DataSource,
  encryption: Encryption,
  column: EncryptedColumn,
  { id, sealed }: Row,
): Promise<number> {
  const fresh = encryption.seal(column, id, encryption.open(column, id, sealed));
  // only what it was a moment ago: a change in between wins
  const [, changed] = await dataSource.query<[unknown, number]>(
    `UPDATE "${column.table}" SET "${column.column}" = $1 WHERE "${column.idColumn}"::text = $2 AND "${column.column}" = $3`,
    [fresh, id, sealed],
  );
  return changed;
}

/** A key that nothing is encrypted with any more may be taken out of ENCRYPTION_KEYS. */
async function forgetUnusedChecks(dataSource: DataSource, encryption: Encryption): Promise<void> {
  await dataSource.query('DELETE FROM encryption_checks WHERE key_id <> $1', [encryption.primaryKeyId]);
  const used = await usedKeyIds((sql) => dataSource.query(sql));
  if (used.size > 1)
    throw new Error(
      `Values are still encrypted with ${[...used].join(', ')}: a process writes with an older key. Restart it, then run this again.`,
    );
}
