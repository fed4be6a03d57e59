import { text } from 'node:stream/consumers';
import { csvCell, exportStream } from './audit-export.js';
import type { AuditEntryView } from './audit.view.js';

const entry: AuditEntryView = {
  id: 'a1',
  seq: 1,
  at: new Date('2026-11-24T10:00:00.000Z'),
  actor: { id: 'u1', name: '=cmd|calc', via: { type: 'token', id: 't1' } },
  grant: { id: 'g1', role: 'operator', scope: { type: 'environment', id: null, name: 'production' } },
  action: 'server.update',
  resource: { type: 'server', id: 's1', name: 'web, "1"' },
  outcome: 'succeeded',
  status: 200,
  durationMs: 1.5,
  address: '192.0.2.7',
  userAgent: null,
  requestId: 'r1',
  count: 1,
  before: { name: 'a' },
  after: { name: 'b' },
  detail: null,
};

async function* batches(): AsyncGenerator<AuditEntryView[]> {
  yield [entry];
  yield [{ ...entry, seq: 2 }];
}

describe('csvCell', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '  =1', '\u0000=1'])('marks %j as text', (value) => {
    expect(csvCell(value).replace(/^"/, '')).toMatch(/^'/);
  });

  it.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['line\nbreak\u0007', '"line break "'],
    [42, '42'],
    [null, ''],
  ])('writes %j', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});

describe('exportStream', () => {
  it('writes CSV with a header and one line for each entry', async () => {
    const lines = (await text(exportStream(batches(), 'csv'))).split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(/^id,seq,at,actorId,actor,/);
    expect(lines[1]).toContain(
      `,'=cmd|calc,"token t1",g1,operator,"environment production",server.update,server,s1,"web, ""1""",`,
    );
    expect(lines[3]).toBe('');
  });

  it('writes one JSON object a line', async () => {
    const lines = (await text(exportStream(batches(), 'ndjson'))).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2]);
  });

  it('reads no further than its reader does', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<AuditEntryView[]> {
      for (;;) {
        read++;
        yield [entry];
      }
    }
    const stream = exportStream(endless(), 'ndjson');
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toBeLessThanOrEqual(4);
    stream.destroy();
  });
});
