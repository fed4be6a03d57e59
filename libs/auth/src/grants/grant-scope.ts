import {
  type InputError,
  type Scope,
  SYSTEM_KINDS,
  type SystemKind,
  type SystemDirectory,
  ValidationFailed,
} from '#core';
import { partKind } from '../access/rights.js';

/**
 * The scope as it is stored. Throws ValidationFailed when it names too little, too much, or a system that isn't there.
 * `pointer` leads to the scope in the body.
 */
export async function checkedScope(scope: Scope, directory: SystemDirectory, pointer = '/scope'): Promise<Scope> {
  const kind = partKind(scope) ?? systemKind(scope);
  const takesName = scope.type === 'environment' || partKind(scope) !== undefined;
  const errors = [
    ...presence(`${pointer}/id`, scope.id, kind !== undefined, `is required: the id of the ${kind}`),
    ...presence(`${pointer}/name`, scope.name, takesName, `is required: the name of the ${scope.type}`),
  ];
  if (errors.length > 0) throw new ValidationFailed(errors);
  const id = scope.id?.toLowerCase() ?? null;
  if (kind && id && !(await directory.find(kind, id))) throw ValidationFailed.at(`${pointer}/id`, `names no ${kind}`);
  return { type: scope.type, id, name: scope.name ?? null };
}

function systemKind({ type }: Scope): SystemKind | undefined {
  return SYSTEM_KINDS.find((kind) => kind === type);
}

function presence(pointer: string, value: string | null | undefined, wanted: boolean, missing: string): InputError[] {
  if (wanted === (value != null)) return [];
  return [{ pointer, message: wanted ? missing : 'means nothing for this type of scope' }];
}
