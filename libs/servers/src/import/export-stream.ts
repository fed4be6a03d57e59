import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import type { Server } from '../server.entity.js';
import { COLUMNS, portable, safeCell } from './csv-cells.js';

/** What the answer's headers say of each format. */
export const EXPORT_TYPES = {
  csv: 'text/csv; charset=utf-8; header=present',
  json: 'application/json; charset=utf-8',
} as const;

/** Servers as a file, which is made as its reader takes it. */
export function exportStream(batches: AsyncIterable<Server[]>, format: 'csv' | 'json'): Readable {
  // one batch waits at the most, not sixteen
  return Readable.from(format === 'csv' ? csvTexts(batches) : jsonTexts(batches), { highWaterMark: 1 });
}

async function* csvTexts(batches: AsyncIterable<Server[]>): AsyncGenerator<string> {
  yield lines([COLUMNS.map(({ name }) => name)]);
  for await (const servers of batches) yield lines(servers.map(cellsOf));
}

function cellsOf(server: Server): (string | number | null)[] {
  return COLUMNS.map(({ write }) => {
    const value = write(server);
    return typeof value === 'string' ? safeCell(value) : value;
  });
}

function lines(records: (string | number | null)[][]): string {
  return stringify(records, { record_delimiter: 'windows' });
}

async function* jsonTexts(batches: AsyncIterable<Server[]>): AsyncGenerator<string> {
  let separator = '[';
  for await (const servers of batches) {
    yield `${separator}${servers.map((server) => JSON.stringify(portable(server))).join(',\n')}`;
    separator = ',\n';
  }
  yield separator === '[' ? '[]\n' : ']\n';
}
