import type { Server } from '../server.entity.js';
import type { ServerSource } from '../server-source.js';

/** A server as it is imported and exported. */
export type PortableServer = Record<string, unknown> & { name: string };

/** What the cells of a column are, as values of the JSON form. */
interface Column {
  name: string;
  write: (server: Server) => string | number | null;
  /** Puts the value of a cell into the row; an empty cell is null, which clears. */
  read: (cell: string, row: Record<string, unknown>) => void;
}

const TEXTS = ['hostname', 'ipAddress', 'environment', 'location', 'provider', 'os'] as const;
const NUMBERS = ['cpuCores', 'memoryBytes', 'diskBytes'] as const;

/** All columns, in the order of an export. */
export const COLUMNS: readonly Column[] = [
  { name: 'name', write: ({ name }) => name, read: (cell, row) => void (row.name = cell) },
  ...TEXTS.map((name): Column => ({
    name,
    write: (server) => server[name],
    read: (cell, row) => void (row[name] = cell === '' ? null : cell),
  })),
  { name: 'description', write: ({ description }) => description, read: (cell, row) => void (row.description = cell) },
  { name: 'tags', write: ({ tags }) => joinTags(tags), read: (cell, row) => void (row.tags = splitTags(cell)) },
  ...NUMBERS.map((name): Column => ({
    name,
    write: (server) => server[name],
    // what is no number stays text, and is refused as such
    read: (cell, row) => void (row[name] = cell === '' ? null : /^\d{1,16}$/.test(cell) ? Number(cell) : cell),
  })),
  { name: 'source', write: ({ source }) => source.type, read: (cell, row) => setSource(row, { type: cell }, cell) },
  {
    name: 'sourceUrl',
    write: ({ source }) => ('url' in source ? source.url : null),
    read: (cell, row) => setSource(row, { url: cell }, cell),
  },
  {
    name: 'pushIntervalSeconds',
    write: ({ source }) => ('intervalSeconds' in source ? source.intervalSeconds : null),
    read: (cell, row) => setSource(row, { intervalSeconds: /^\d{1,9}$/.test(cell) ? Number(cell) : cell }, cell),
  },
];

/** The same as JSON. How a server is reached by SSH holds secrets: it is neither exported nor imported. */
export function portable(server: Server): PortableServer {
  const { name, description, tags, source } = server;
  const fields = Object.fromEntries([...TEXTS, ...NUMBERS].map((field) => [field, server[field]]));
  return { name, ...fields, description, tags, source: source satisfies ServerSource };
}

/** An empty cell leaves the source alone. */
function setSource(row: Record<string, unknown>, part: object, cell: string): void {
  if (cell !== '') row.source = { ...(row.source as object | undefined), ...part };
}

/** Separated by `;`, which within a tag gets a backslash before it, as the backslash does. */
function joinTags(tags: readonly string[]): string {
  return tags.map((tag) => tag.replace(/[\\;]/g, '\\$&')).join(';');
}

function splitTags(cell: string): string[] {
  if (cell === '') return [];
  const tags = [''];
  for (let at = 0; at < cell.length; at++) {
    const character = cell.charAt(at);
    if (character === ';') tags.push('');
    else tags[tags.length - 1] += character === '\\' && at + 1 < cell.length ? cell.charAt(++at) : character;
  }
  return tags.map((tag) => tag.trim()).filter(Boolean);
}

/** Begins as a formula does, for one spreadsheet or another, or as text that was marked as none already. */
const LIKE_FORMULA = /^'*\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^'*[\t\r\n]/;

/** Text that no spreadsheet takes for a formula: an apostrophe comes before it. `plainCell` takes it away again. */
export function safeCell(text: string): string {
  return LIKE_FORMULA.test(text) ? `'${text}` : text;
}

/** The text of a cell without the apostrophe that makes it safe. */
export function plainCell(cell: string): string {
  return cell.startsWith("'") && LIKE_FORMULA.test(cell) ? cell.slice(1) : cell;
}
