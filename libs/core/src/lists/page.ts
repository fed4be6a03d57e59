import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, getSchemaPath } from '@nestjs/swagger';
import type { PageQuery } from './page.dto.js';

/** Counts stop here: an exact count of a large table costs more than it tells. */
export const COUNT_CAP = 10_000;

/** A page of a list as every list endpoint answers it. The `Link` header is made from it. */
export class Page<T> {
  /** Absent when `total` is exact, false when it stopped at the cap. */
  declare totalIsExact?: false;

  constructor(
    readonly items: T[],
    readonly page: number,
    readonly pageSize: number,
    readonly total: number,
    totalIsExact = true,
  ) {
    if (!totalIsExact) this.totalIsExact = false;
  }

  /** The page that `query` asked for. */
  static of<T>(items: T[], total: number, query: PageQuery, totalIsExact = true): Page<T> {
    return new Page(items, query.page, query.pageSize, total, totalIsExact);
  }
}

/** Whether an answer is a page; one that comes from the cache is of no class. */
export function isPage(body: unknown): body is Page<unknown> {
  if (typeof body !== 'object' || body === null) return false;
  const { items, page, pageSize, total } = body as Partial<Page<unknown>>;
  return Array.isArray(items) && typeof page === 'number' && typeof pageSize === 'number' && typeof total === 'number';
}

/** A stretch of an endless list; `nextCursor` is null at its end. */
export interface CursorPage<T> {
  items: T[];
  nextCursor: string | null;
}

/** Documents a paged answer, which the Swagger plugin can't read from a generic type. */
export function ApiPage(item: Type): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(item),
    ApiOkResponse({
      description: 'One page of the list.',
      headers: {
        Link: { description: 'Addresses of the first, previous, next and last page.', schema: { type: 'string' } },
      },
      schema: {
        type: 'object',
        required: ['items', 'page', 'pageSize', 'total'],
        properties: {
          items: { type: 'array', items: { $ref: getSchemaPath(item) } },
          page: { type: 'integer', minimum: 1 },
          pageSize: { type: 'integer', minimum: 1, maximum: 100 },
          total: { type: 'integer', minimum: 0 },
          totalIsExact: { type: 'boolean', description: 'False when counting stopped at the cap; absent otherwise.' },
        },
      },
    }),
  );
}

/** Documents an answer of an endless list. */
export function ApiCursorPage(item: Type): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(item),
    ApiOkResponse({
      description: 'A stretch of the list.',
      schema: {
        type: 'object',
        required: ['items', 'nextCursor'],
        properties: {
          items: { type: 'array', items: { $ref: getSchemaPath(item) } },
          nextCursor: { type: ['string', 'null'], description: 'Null at the end.' } as object,
        },
      },
    }),
  );
}
