import { changedFields, clipped } from './changes.js';

describe('changedFields', () => {
  it('keeps only what differs', () => {
    const before = { name: 'web-1', tags: ['a'], source: { type: 'none' }, at: new Date(0) };
    const after = { name: 'web-2', tags: ['a'], source: { type: 'push' }, at: new Date(0) };
    expect(changedFields(before, after, [])).toEqual({
      before: { name: 'web-1', source: { type: 'none' } },
      after: { name: 'web-2', source: { type: 'push' } },
    });
  });

  it('keeps everything of what was made or removed', () => {
    expect(changedFields(undefined, { name: 'a', gone: undefined }, [])).toEqual({
      before: null,
      after: { name: 'a' },
    });
    expect(changedFields({ name: 'a' }, null, [])).toEqual({ before: { name: 'a' }, after: null });
  });

  it('says that a secret changed without saying what it is', () => {
    const { before, after } = changedFields(
      { password: 'old-secret' },
      { password: 'new-secret', note: 'see new-secret' },
      ['new-secret'],
    );
    expect(before).toEqual({ password: '[redacted]' });
    expect(after).toEqual({ password: '[redacted]', note: 'see [redacted]' });
  });

  it('keeps the names of fields when their values are too long', () => {
    const { after } = changedFields(null, { text: 'x'.repeat(20_000), name: 'a' }, []);
    expect(after).toEqual({ truncated: true, characters: expect.any(Number), fields: ['text', 'name'] });
  });
});

describe('clipped', () => {
  it('makes text that PostgreSQL can store', () => {
    expect(clipped('a\u0000b', 10)).toBe('ab');
    expect(clipped('abcdef', 4)).toBe('abc…');
    // the cut goes through a pair of surrogates
    expect(clipped('ab😀d', 4).isWellFormed()).toBe(true);
  });
});
