import { likeText, parseSort } from './sort.js';

const FIELDS = { name: 's.name', createdAt: 's.createdAt' };

describe('parseSort', () => {
  it('maps the fields that are allowed, with their direction', () => {
    expect(parseSort('-createdAt,name', FIELDS, 'name')).toEqual([
      ['s.createdAt', 'DESC'],
      ['s.name', 'ASC'],
    ]);
    expect(parseSort(undefined, FIELDS, 'name')).toEqual([['s.name', 'ASC']]);
  });

  it.each(['password', 'name;drop table users', '__proto__', 'constructor', ''])('refuses %j', (field) => {
    if (field === '') expect(parseSort(field, FIELDS, 'name')).toEqual([['s.name', 'ASC']]);
    else expect(() => parseSort(field, FIELDS, 'name')).toThrow(/not valid/);
  });
});

describe('likeText', () => {
  it('leaves a caller’s wildcards no meaning', () => {
    expect(likeText('50%_\\')).toBe('%50\\%\\_\\\\%');
  });
});
