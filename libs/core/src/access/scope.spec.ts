import { covers } from './scope.js';

const server = { kind: 'server', id: 'a', environment: 'production' } as const;

describe('covers', () => {
  it('holds for everything, the environment, and the system itself', () => {
    expect(covers({ type: 'all' }, server)).toBe(true);
    expect(covers({ type: 'all' }, {})).toBe(true);
    expect(covers({ type: 'environment', name: 'production' }, server)).toBe(true);
    expect(covers({ type: 'server', id: 'a' }, server)).toBe(true);
  });

  it('does not hold elsewhere', () => {
    expect(covers({ type: 'environment', name: 'staging' }, server)).toBe(false);
    expect(covers({ type: 'environment', name: null }, { ...server, environment: null })).toBe(false);
    expect(covers({ type: 'server', id: 'b' }, server)).toBe(false);
    expect(covers({ type: 'cluster', id: 'a' }, server)).toBe(false);
    expect(covers({ type: 'server', id: undefined }, { kind: 'server' })).toBe(false);
    expect(covers({ type: 'environment', name: 'production' }, {})).toBe(false);
  });

  it('holds below a system only for the part it names', () => {
    const scope = { type: 'namespace', id: 'c', name: 'web' } as const;
    expect(covers(scope, { kind: 'cluster', id: 'c', part: 'web' })).toBe(true);
    expect(covers(scope, { kind: 'cluster', id: 'c', part: 'db' })).toBe(false);
    expect(covers(scope, { kind: 'cluster', id: 'c' })).toBe(false);
    expect(covers(scope, { kind: 'registry', id: 'c', part: 'web' })).toBe(false);
  });
});
