/** What a prepared statement begins with; the client of the database looks for it. */
export const PREPARED = '/* prepared */ ';

/**
 * A statement that each connection plans once and keeps. For texts that never change and have one good plan whatever their
 * parameters are; they name their columns, since a plan whose columns change fails.
 */
export function prepared(sql: string): string {
  return PREPARED + sql;
}
