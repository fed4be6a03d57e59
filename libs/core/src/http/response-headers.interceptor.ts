import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { isPage, type Page } from '../lists/page.js';

/** Sets `ETag` from the version of a single resource and `Link` from a page; after any cache, since cached entries hold no headers. */
@Injectable()
export class ResponseHeadersInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((body: unknown) => {
        const http = context.switchToHttp();
        if (isPage(body)) {
          void http.getResponse<FastifyReply>().header('Link', linkHeader(http.getRequest<FastifyRequest>().url, body));
        } else if (hasVersion(body)) {
          void http.getResponse<FastifyReply>().header('ETag', `"${body.version}"`);
        }
        return body;
      }),
    );
  }
}

function hasVersion(body: unknown): body is { version: number } {
  return typeof body === 'object' && body !== null && typeof (body as { version?: unknown }).version === 'number';
}

function linkHeader(url: string, { page, pageSize, total }: Page<unknown>): string {
  const last = Math.max(1, Math.ceil(total / pageSize));
  const links: [rel: string, page: number][] = [['first', 1]];
  if (page > 1) links.push(['prev', Math.min(page - 1, last)]);
  if (page < last) links.push(['next', page + 1]);
  links.push(['last', last]);
  const question = url.indexOf('?');
  const path = question < 0 ? url : url.slice(0, question);
  return links
    .map(([rel, target]) => {
      const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
      query.set('page', String(target));
      query.set('pageSize', String(pageSize));
      return `<${path}?${query.toString()}>; rel="${rel}"`;
    })
    .join(', ');
}
