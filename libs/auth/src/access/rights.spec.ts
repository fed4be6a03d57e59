import * as fc from 'fast-check';
import {
  ALL_PERMISSIONS,
  type Caller,
  type EffectiveGrant,
  type Permission,
  type Reach,
  type Scope,
  type Target,
} from '#core';
import { grantFor, holdsAnywhere, mayPassOn, reachOf, sees, targetOf } from './rights.js';

const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';
const ALL: Scope = { type: 'all' };
const inProduction: Scope = { type: 'environment', name: 'production' };
const onA: Scope = { type: 'server', id: A };

function grant(scope: Scope, permissions: Permission[] = ['servers:read', 'servers:write']): EffectiveGrant {
  return { grantId: 'g', role: 'r', permissions: new Set(permissions), scope };
}

function caller(grants: EffectiveGrant[], limit?: { scope: Scope; permissions?: Permission[] }): Caller {
  const narrowed = limit && {
    scope: limit.scope,
    permissions: new Set<Permission>(limit.permissions ?? ALL_PERMISSIONS),
  };
  return { userId: 'u', username: 'jana', mustChangePassword: false, grants, limit: narrowed };
}

const serverA: Target = { kind: 'server', id: A, environment: 'production' };
const serverB: Target = { kind: 'server', id: B, environment: 'staging' };

describe('grantFor', () => {
  it('finds grants on everything, on the environment and on the system, and no others', () => {
    expect(grantFor(caller([grant(ALL)]), 'servers:read', serverB)).not.toBeNull();
    expect(grantFor(caller([grant(inProduction)]), 'servers:read', serverA)).not.toBeNull();
    expect(grantFor(caller([grant(inProduction)]), 'servers:read', serverB)).toBeNull();
    expect(grantFor(caller([grant(onA)]), 'servers:read', serverA)).not.toBeNull();
    expect(grantFor(caller([grant(onA)]), 'servers:read', serverB)).toBeNull();
    expect(grantFor(caller([grant(ALL, ['servers:read'])]), 'servers:write', serverA)).toBeNull();
  });

  it('does not take a grant on a system of another kind with the same id', () => {
    expect(grantFor(caller([grant({ type: 'cluster', id: A })]), 'servers:read', serverA)).toBeNull();
  });

  it('does not take a grant on a part for the whole', () => {
    const part: Scope = { type: 'namespace', id: A, name: 'web' };
    expect(grantFor(caller([grant(part)]), 'servers:read', { kind: 'cluster', id: A })).toBeNull();
    expect(grantFor(caller([grant(part)]), 'servers:read', { kind: 'cluster', id: A, part: 'db' })).toBeNull();
    expect(grantFor(caller([grant(part)]), 'servers:read', { kind: 'cluster', id: A, part: 'web' })).not.toBeNull();
  });

  it('counts permissions about EINFRA itself only when granted on everything', () => {
    expect(grantFor(caller([grant(inProduction, ['users:write'])]), 'users:write', {})).toBeNull();
    expect(
      grantFor(caller([grant(inProduction, ['users:write'])]), 'users:write', { environment: 'production' }),
    ).toBeNull();
    expect(holdsAnywhere(caller([grant(inProduction, ['users:write'])]), 'users:write')).toBe(false);
    expect(grantFor(caller([grant(ALL, ['users:write'])]), 'users:write', {})).not.toBeNull();
  });

  it('leaves of an owner’s rights what the token names, where the token names it', () => {
    const all = [grant(ALL, ALL_PERMISSIONS)];
    expect(grantFor(caller(all, { scope: ALL, permissions: ['servers:read'] }), 'servers:write', serverA)).toBeNull();
    expect(grantFor(caller(all, { scope: onA }), 'servers:write', serverA)).not.toBeNull();
    expect(grantFor(caller(all, { scope: onA }), 'servers:write', serverB)).toBeNull();
    expect(grantFor(caller(all, { scope: onA }), 'users:write', {})).toBeNull();
    expect(holdsAnywhere(caller(all, { scope: onA }), 'users:write')).toBe(false);
  });

  it('gives a token nothing that its owner lacks', () => {
    expect(grantFor(caller([grant(onA)], { scope: ALL }), 'servers:read', serverB)).toBeNull();
    expect(grantFor(caller([], { scope: ALL }), 'servers:read', serverA)).toBeNull();
  });
});

describe('mayPassOn', () => {
  const held = caller([grant(inProduction, ['servers:read', 'users:write'])]);

  it('lets give what is held on the place or around it', () => {
    expect(mayPassOn(held, 'servers:read', targetOf(inProduction, null))).toBe(true);
    expect(mayPassOn(held, 'servers:read', targetOf(onA, 'production'))).toBe(true);
    expect(mayPassOn(held, 'servers:read', targetOf({ type: 'namespace', id: A, name: 'web' }, 'production'))).toBe(
      true,
    );
  });

  it('does not let give more: elsewhere, on everything, or another permission', () => {
    expect(mayPassOn(held, 'servers:read', targetOf(onA, 'staging'))).toBe(false);
    expect(mayPassOn(held, 'servers:read', targetOf(onA, null))).toBe(false);
    expect(mayPassOn(held, 'servers:read', targetOf(ALL, null))).toBe(false);
    expect(mayPassOn(held, 'servers:write', targetOf(inProduction, null))).toBe(false);
    expect(mayPassOn(caller([grant(onA)]), 'servers:read', targetOf(inProduction, null))).toBe(false);
    expect(
      mayPassOn(
        caller([grant({ type: 'namespace', id: A, name: 'web' })]),
        'servers:read',
        targetOf({ type: 'cluster', id: A }, null),
      ),
    ).toBe(false);
  });

  it('does not let a token give more than the token holds', () => {
    const token = caller([grant(ALL, ALL_PERMISSIONS)], { scope: inProduction, permissions: ['servers:read'] });
    expect(mayPassOn(token, 'servers:read', targetOf(inProduction, null))).toBe(true);
    expect(mayPassOn(token, 'servers:read', targetOf(ALL, null))).toBe(false);
    expect(mayPassOn(token, 'servers:write', targetOf(inProduction, null))).toBe(false);
  });
});

describe('sees', () => {
  it('needs the right to read, not just any right', () => {
    expect(sees(caller([grant(onA, ['servers:read'])]), 'servers:write', serverA)).toBe(true);
    expect(sees(caller([grant(onA, ['servers:write'])]), 'servers:write', serverA)).toBe(false);
    expect(
      sees(caller([grant(onA, ['servers:read'])], { scope: inProduction }), 'servers:write', {
        ...serverA,
        environment: 'staging',
      }),
    ).toBe(false);
  });
});

describe('reachOf', () => {
  it('unites the grants', () => {
    const reach = reachOf(
      caller([grant(inProduction), grant(onA), grant({ type: 'server', id: B }, ['servers:write'])]),
      'servers:read',
    );
    expect(reach).toEqual({ all: false, environments: ['production'], ids: [A], partIds: [], inEnvironment: [] });
    expect(reachOf(caller([grant(onA), grant(ALL)]), 'servers:read').all).toBe(true);
    expect(reachOf(caller([grant({ type: 'cluster', id: A })]), 'servers:read').ids).toEqual([]);
  });

  it('keeps a system for a token on it only while it is in the environment that the owner holds', () => {
    const reach = reachOf(caller([grant(inProduction)], { scope: onA }), 'servers:read');
    expect(reach).toEqual({
      all: false,
      environments: [],
      ids: [],
      partIds: [],
      inEnvironment: [{ id: A, environment: 'production', part: false }],
    });
  });

  it('leaves nothing where grant and token don’t meet', () => {
    const nothing = { all: false, environments: [], ids: [], partIds: [], inEnvironment: [] };
    expect(reachOf(caller([grant(onA)], { scope: { type: 'server', id: B } }), 'servers:read')).toEqual(nothing);
    expect(
      reachOf(caller([grant(inProduction)], { scope: { type: 'environment', name: 'staging' } }), 'servers:read'),
    ).toEqual(nothing);
    expect(reachOf(caller([grant(ALL)], { scope: { type: 'cluster', id: A } }), 'servers:read')).toEqual(nothing);
    expect(reachOf(caller([grant(ALL)], { scope: ALL, permissions: ['servers:write'] }), 'servers:read')).toEqual(
      nothing,
    );
  });

  it('admits in lists exactly what it allows one by one, whatever grants and token there are', () => {
    const scopes = fc.oneof(
      fc.constant(ALL),
      fc.constantFrom('production', 'staging').map((name): Scope => ({ type: 'environment', name })),
      fc
        .tuple(fc.constantFrom('server' as const, 'cluster' as const), fc.constantFrom(A, B))
        .map(([type, id]): Scope => ({ type, id })),
      fc
        .tuple(fc.constantFrom(A, B), fc.constantFrom('web', 'db'))
        .map(([id, name]): Scope => ({ type: 'namespace', id, name })),
    );
    const permissions = fc.subarray<Permission>(['servers:read', 'servers:write']);
    const grants = fc.array(
      fc.tuple(scopes, permissions).map(([scope, held]) => grant(scope, held)),
      { maxLength: 4 },
    );
    const limits = fc.option(fc.record({ scope: scopes, permissions }), { nil: undefined });
    const targets = fc.record({
      id: fc.constantFrom(A, B),
      environment: fc.constantFrom('production', 'staging', null),
    });
    fc.assert(
      fc.property(grants, limits, targets, (held, limit, { id, environment }) => {
        const asking = caller(held, limit);
        const allowed = grantFor(asking, 'servers:read', { kind: 'server', id, environment }) !== null;
        expect(admits(reachOf(asking, 'servers:read'), id, environment)).toBe(allowed);
      }),
      { numRuns: 2000 },
    );
  });
});

function admits(reach: Reach, id: string, environment: string | null): boolean {
  return (
    reach.all ||
    (environment !== null && reach.environments.includes(environment)) ||
    reach.ids.includes(id) ||
    (reach.inEnvironment ?? []).some((pair) => !pair.part && pair.id === id && pair.environment === environment)
  );
}
