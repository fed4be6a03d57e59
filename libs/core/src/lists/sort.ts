import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { ValidationFailed } from '../errors/errors.js';
import type { PageQuery } from './page.dto.js';
import { COUNT_CAP, Page } from './page.js';

/** Sortable fields of a list: the name that callers use → property path or SQL expression of ours. */
export type SortFields = Readonly<Record<string, string>>;

/** Parses `-createdAt,name` against the allowed fields. Throws ValidationFailed for others. */
export function parseSort(
  sort: string | undefined,
  fields: SortFields,
  fallback: string,
): [expression: string, direction: 'ASC' | 'DESC'][] {
  const parts = (sort || fallback).split(',').map((part) => part.trim());
  return parts.map((part) => {
    const descending = part.startsWith('-');
    const name = descending ? part.slice(1) : part;
    if (!Object.hasOwn(fields, name)) {
      throw ValidationFailed.at('?sort', `can't sort by this field; fields are ${Object.keys(fields).join(', ')}`);
    }
    return [fields[name] as string, descending ? 'DESC' : 'ASC'];
  });
}

/**
 * Runs a list: sorts by the caller's fields (then by `id`, so that pages don't overlap), takes the page and counts up to the cap.
 * The query builder must select no relations.
 */
export async function fetchPage<E extends ObjectLiteral, V>(
  builder: SelectQueryBuilder<E>,
  query: PageQuery,
  fields: SortFields,
  fallback: string,
  view: (entity: E) => V,
): Promise<Page<V>> {
  const total = await cappedCount(builder);
  parseSort(query.sort, fields, fallback).forEach(([expression, direction]) =>
    builder.addOrderBy(expression, direction),
  );
  builder.addOrderBy(`${builder.alias}.id`, 'ASC');
  const rows = await builder
    .limit(query.pageSize)
    .offset((query.page - 1) * query.pageSize)
    .getMany();
  return Page.of(rows.map(view), Math.min(total, COUNT_CAP), query, total <= COUNT_CAP);
}

async function cappedCount<E extends ObjectLiteral>(builder: SelectQueryBuilder<E>): Promise<number> {
  const inner = builder
    .clone()
    .select('1', 'one')
    .orderBy()
    .limit(COUNT_CAP + 1);
  const [sql, parameters] = inner.getQueryAndParameters();
  const rows: { count: number }[] = await builder.connection.query(
    `SELECT count(*)::int AS count FROM (${sql}) counted`,
    parameters,
  );
  return rows[0]?.count ?? 0;
}

/** Escapes `%`, `_` and `\` so that a caller's text is only text in LIKE. */
export function likeText(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}
