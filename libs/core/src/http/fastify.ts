import type { RequestContext } from './request-context.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What is known of the request; set by the first hook of every request. */
    einfra: RequestContext;
  }
}
