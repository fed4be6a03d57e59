import type { Server } from '../server.entity.js';
import { COLUMNS, plainCell, safeCell } from './csv-cells.js';

const read = (cells: Record<string, string>): Record<string, unknown> => {
  const row = {};
  for (const { name, read: into } of COLUMNS) if (cells[name] !== undefined) into(cells[name], row);
  return row;
};

describe('cells', () => {
  it.each([
    '=1+1',
    '+49 30',
    '-1',
    '@sum',
    '\ttab',
    "'=quoted",
    "''+twice",
    ' =late',
    '＝wide',
    "'",
    "it's",
    '',
    'plain',
    "'plain",
  ])('come back as they were: %j', (text) => {
    expect(plainCell(safeCell(text))).toBe(text);
    expect(safeCell(text)).not.toMatch(/^\s*[=+\-@＝]|^[\t\r\n]/);
  });

  it('keep tags apart whatever is in them', () => {
    const tags = ['a;b', 'c\\', 'd', 'e,"f'];
    const column = COLUMNS.find(({ name }) => name === 'tags');
    expect(read({ tags: column?.write({ tags } as Server) as string })).toEqual({ tags });
  });

  it('clear with an empty cell, except for the source', () => {
    expect(read({ name: 'a', location: '', cpuCores: '', tags: '', source: '', sourceUrl: '' })).toEqual({
      name: 'a',
      location: null,
      cpuCores: null,
      tags: [],
    });
  });

  it('make a source of its parts, and leave what is no number to be refused', () => {
    expect(read({ source: 'push', pushIntervalSeconds: '30', cpuCores: '4x', memoryBytes: '1024' })).toEqual({
      source: { type: 'push', intervalSeconds: 30 },
      cpuCores: '4x',
      memoryBytes: 1024,
    });
  });
});
