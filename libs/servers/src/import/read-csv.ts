import { Readable } from 'node:stream';
import { CsvError, type Parser, parse } from 'csv-parse';
import { ValidationFailed } from '#core';
import { COLUMNS, plainCell } from './csv-cells.js';

/** In one import. */
export const MAX_ROWS = 10_000;
const CHUNK = 64 * 1024;
/** Characters in one line; no server needs a tenth of it. */
const MAX_RECORD = 100_000;

/** A row as it came: the JSON form of a server, still to be checked, or what is wrong with the line. */
export type RawRow = { input: unknown; mistake?: undefined } | { input?: undefined; mistake: string };

/**
 * The rows of a CSV file (RFC 4180, UTF-8 with or without BOM, a header with names of columns in any order). Throws ValidationFailed
 * when it is none. Long files are read in pieces, so that others get their turn.
 */
export async function readCsv(text: string): Promise<RawRow[]> {
  const parser = Readable.from(pieces(text)).pipe(
    parse({ bom: true, relax_column_count: true, skip_empty_lines: true, max_record_size: MAX_RECORD }),
  );
  try {
    return await readRecords(parser);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error.lines === 'number' ? ` near line ${error.lines}` : '';
    throw ValidationFailed.at('', `is not CSV${line}: quotes or line ends are not as RFC 4180 wants them`);
  }
}

async function readRecords(parser: Parser): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  let columns: typeof COLUMNS | undefined;
  for await (const cells of parser as AsyncIterable<string[]>) {
    if (!columns) columns = columnsOf(cells);
    else if (rows.push(rowOf(cells, columns)) > MAX_ROWS) throw tooMany();
  }
  if (!columns) throw ValidationFailed.at('', 'has no header row');
  return rows;
}

export function tooMany(): ValidationFailed {
  return ValidationFailed.at('', `has more than ${MAX_ROWS} rows`);
}

function columnsOf(header: string[]): typeof COLUMNS {
  const names = header.map((cell) => plainCell(cell).trim().toLowerCase());
  const columns = names.map((name) => {
    const column = COLUMNS.find((candidate) => candidate.name.toLowerCase() === name);
    if (!column)
      throw ValidationFailed.at(
        '',
        `has a column that is not known; columns are ${COLUMNS.map((known) => known.name).join(', ')}`,
      );
    return column;
  });
  if (new Set(columns).size < columns.length) throw ValidationFailed.at('', 'has a column twice');
  if (!names.includes('name')) throw ValidationFailed.at('', 'has no column name');
  return columns;
}

function rowOf(cells: string[], columns: typeof COLUMNS): RawRow {
  if (cells.length !== columns.length) return { mistake: `has ${cells.length} cells instead of ${columns.length}` };
  const input: Record<string, unknown> = {};
  columns.forEach(({ read }, index) => read(plainCell(cells[index] ?? ''), input));
  return { input };
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += CHUNK) yield text.slice(at, at + CHUNK);
}
