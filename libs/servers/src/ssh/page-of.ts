import { Page, type PageQuery, parseSort } from '#core';

/** A page of what is known as a whole, sorted by fields that hold texts or numbers. */
export function pageOf<T extends object>(
  items: readonly T[],
  query: PageQuery,
  fields: readonly (keyof T & string)[],
  fallback: string,
): Page<T> {
  const order = parseSort(query.sort, Object.fromEntries(fields.map((field) => [field, field])), fallback);
  const sorted = [...items].sort((one, other) => {
    for (const [field, direction] of order) {
      const difference = compare(one[field as keyof T], other[field as keyof T]);
      if (difference !== 0) return direction === 'ASC' ? difference : -difference;
    }
    return 0;
  });
  const start = (query.page - 1) * query.pageSize;
  return Page.of(sorted.slice(start, start + query.pageSize), sorted.length, query);
}

/** What is not known comes first. */
function compare(one: unknown, other: unknown): number {
  if (one === other) return 0;
  if (one == null || other == null) return one == null ? -1 : 1;
  return one < other ? -1 : 1;
}
