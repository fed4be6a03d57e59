import { isUuid, type Permission, PERMISSIONS, type Scope, SCOPE_TYPES, type ScopeType, ValidationFailed } from '#core';
import { partKind, targetOf } from './rights.js';

const FORMS: Partial<Record<ScopeType, string>> = {
  environment: 'environment/<name>',
  namespace: 'namespace/<clusterId>/<name>',
  project: 'project/<registryId>/<name>',
};

/** Reads `server/<id>`, `namespace/<clusterId>/<name>` …; absent is EINFRA itself. Throws ValidationFailed at `?resource`. */
export function parseResource(text: string | undefined, permission: Permission): Scope {
  if (text === undefined) return { type: 'all' };
  const slash = text.indexOf('/');
  const type = SCOPE_TYPES.find((known) => known === text.slice(0, slash) && known !== 'all');
  if (!type)
    throw ValidationFailed.at(
      '?resource',
      'must start with a type of resource, like server/<id> or environment/<name>',
    );
  const scope = parsePlace(type, text.slice(slash + 1));
  if (!scope) throw ValidationFailed.at('?resource', `must look like ${FORMS[type] ?? `${type}/<id>`}`);
  refuseOtherKind(scope, permission);
  return scope;
}

function parsePlace(type: ScopeType, rest: string): Scope | null {
  if (type === 'environment') return rest === '' ? null : { type, name: rest };
  if (partKind({ type }) === undefined) return isUuid(rest) ? { type, id: rest.toLowerCase() } : null;
  const slash = rest.indexOf('/');
  const [id, name] = [rest.slice(0, slash), rest.slice(slash + 1)];
  return isUuid(id) && name !== '' ? { type, id: id.toLowerCase(), name } : null;
}

function refuseOtherKind(scope: Scope, permission: Permission): void {
  const asked = targetOf(scope, null).kind;
  const meant = PERMISSIONS[permission].kind;
  if (asked && meant && asked !== meant)
    throw ValidationFailed.at('?resource', `can't be a ${scope.type}: ${permission} is about a ${meant}`);
}
