import { Brackets, type ObjectLiteral, type SelectQueryBuilder } from 'typeorm';
import type { Reach } from '../access/access.js';

/** Keeps the rows that the caller may see, in SQL. The entity has `id` and `environment`. */
export function withinReach<E extends ObjectLiteral>(
  builder: SelectQueryBuilder<E>,
  reach: Reach,
): SelectQueryBuilder<E> {
  if (reach.all) return builder;
  const { alias } = builder;
  const pairs = reach.inEnvironment ?? [];
  return builder.andWhere(
    new Brackets((where) => {
      where
        .where(`${alias}.environment = ANY(:reachEnvironments)`, { reachEnvironments: reach.environments })
        .orWhere(`${alias}.id = ANY(:reachIds)`, { reachIds: [...reach.ids, ...reach.partIds] });
      if (pairs.length === 0) return;
      where.orWhere(
        `(${alias}.id, ${alias}.environment) IN (SELECT * FROM unnest(CAST(:pairIds AS uuid[]), CAST(:pairEnvironments AS text[])))`,
        { pairIds: pairs.map(({ id }) => id), pairEnvironments: pairs.map(({ environment }) => environment) },
      );
    }),
  );
}
