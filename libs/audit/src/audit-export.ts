import { Readable } from 'node:stream';
import type { AuditEntryView } from './audit.view.js';

type Cell = string | number | null | undefined;

const COLUMNS: readonly [name: string, cell: (entry: AuditEntryView) => Cell][] = [
  ['id', ({ id }) => id],
  ['seq', ({ seq }) => seq],
  ['at', ({ at }) => at.toISOString()],
  ['actorId', ({ actor }) => actor?.id],
  ['actor', ({ actor }) => actor?.name],
  ['via', ({ actor }) => actor?.via && `${actor.via.type} ${actor.via.id}`],
  ['grantId', ({ grant }) => grant?.id],
  ['role', ({ grant }) => grant?.role],
  ['scope', ({ grant }) => grant && [grant.scope.type, grant.scope.id, grant.scope.name].filter(Boolean).join(' ')],
  ['action', ({ action }) => action],
  ['resourceType', ({ resource }) => resource?.type],
  ['resourceId', ({ resource }) => resource?.id],
  ['resource', ({ resource }) => resource?.name],
  ['outcome', ({ outcome }) => outcome],
  ['status', ({ status }) => status],
  ['durationMs', ({ durationMs }) => durationMs],
  ['address', ({ address }) => address],
  ['userAgent', ({ userAgent }) => userAgent],
  ['requestId', ({ requestId }) => requestId],
  ['count', ({ count }) => count],
  ['before', ({ before }) => before && JSON.stringify(before)],
  ['after', ({ after }) => after && JSON.stringify(after)],
  ['detail', ({ detail }) => detail],
];

/** How entries become text in each format, and what the answer's headers say. */
export const EXPORTS = {
  csv: {
    type: 'text/csv; charset=utf-8; header=present',
    header: csvLine(COLUMNS.map(([name]) => name)),
    line: csvEntry,
  },
  ndjson: {
    type: 'application/x-ndjson; charset=utf-8',
    header: '',
    line: (entry: AuditEntryView) => `${JSON.stringify(entry)}\n`,
  },
} as const;

/** The export as a stream that reads on only when its reader takes more. */
export function exportStream(batches: AsyncIterable<AuditEntryView[]>, format: keyof typeof EXPORTS): Readable {
  const { header, line } = EXPORTS[format];
  async function* texts(): AsyncGenerator<string> {
    if (header) yield header;
    for await (const entries of batches) yield entries.map(line).join('');
  }
  // one batch waits at the most, not sixteen
  return Readable.from(texts(), { highWaterMark: 1 });
}

function csvEntry(entry: AuditEntryView): string {
  return csvLine(COLUMNS.map(([, cell]) => cell(entry)));
}

function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** One cell after RFC 4180. Control characters go, and what a spreadsheet would take for a formula is marked as text. */
export function csvCell(value: Cell): string {
  if (value == null) return '';
  if (typeof value === 'number') return String(value);
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  const clean = value.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  const safe = /^\s*[=+\-@＝＋－＠]/.test(clean) || /^[\t\r]/.test(value) ? `'${clean}` : clean;
  return /[",\s]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
