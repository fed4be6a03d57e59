import type { ObjectLiteral, Repository } from 'typeorm';
import type { Reach } from '../access/access.js';
import type { Permission } from '../access/permissions.js';
import type { RegisteredSystem } from '../database/registered-system.js';
import { withinReach } from './reach-clause.js';
import type { Count, SystemCounts } from './system-directory.js';

/** Counts straight from the table of a kind of system. */
export function tableCounts<E extends RegisteredSystem & ObjectLiteral>(
  repository: Repository<E>,
  permission: Permission,
): SystemCounts {
  /** `key` is an SQL expression of ours over the alias `s`; null counts nowhere. */
  const countBy = async <Key extends string>(reach: Reach, key: string): Promise<Count<Key>[]> => {
    const [sql, parameters] = withinReach(repository.createQueryBuilder('s'), reach)
      .select(key, 'key')
      .getQueryAndParameters();
    return repository.query<Count<Key>[]>(
      `SELECT key, count(*)::int AS count FROM (${sql}) counted WHERE key IS NOT NULL GROUP BY key`,
      parameters,
    );
  };
  return {
    permission,
    statuses: (reach) => countBy(reach, 's.status'),
    environments: (reach) => countBy(reach, 's.environment'),
    tags: (reach) => countBy(reach, 'unnest(s.tags)'),
  };
}
