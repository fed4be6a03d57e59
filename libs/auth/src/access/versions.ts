import type { EntityManager, EntityTarget, FindOptionsWhere } from 'typeorm';
import { NotFound, PreconditionFailed } from '#core';

/** Locks a row until the transaction ends. Throws NotFound when it is gone, PreconditionFailed when `version` isn't the current one. */
export async function lockRow<E extends { id: string; version: number }>(
  manager: EntityManager,
  entity: EntityTarget<E>,
  kind: string,
  id: string,
  version: number | undefined,
): Promise<E> {
  const where = { id } as FindOptionsWhere<E>;
  const row = await manager.findOne(entity, { where, lock: { mode: 'pessimistic_write' } });
  if (!row) throw new NotFound(kind, id);
  if (version !== undefined && version !== row.version) throw new PreconditionFailed();
  return row;
}
