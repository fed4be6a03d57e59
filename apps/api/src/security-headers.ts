import type { OutgoingHttpHeaders } from 'node:http';
import helmet from '@fastify/helmet';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';

/** Helmet's headers: the same for every answer, so that helmet is asked for them once and not with each request. */
export async function addSecurityHeaders(app: NestFastifyApplication): Promise<void> {
  await app.register(helmet, {
    global: false,
    contentSecurityPolicy: {
      useDefaults: false,
      // Swagger UI is the only page: scripts from here alone, inline styles of its own
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    crossOriginResourcePolicy: { policy: 'same-site' },
  } as never);
  let headers: OutgoingHttpHeaders | undefined;
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (_request, reply, done) => {
      headers ??= headersOfHelmet(reply);
      void reply.headers(headers);
      done();
    });
}

/** What helmet writes to the raw response, taken from there again. */
function headersOfHelmet(reply: FastifyReply): OutgoingHttpHeaders {
  const { raw } = reply;
  const others = new Set(raw.getHeaderNames());
  void (reply as FastifyReply & { helmet: () => void }).helmet();
  const own = raw.getHeaderNames().filter((name) => !others.has(name));
  return Object.fromEntries(
    own.map((name) => {
      const value = raw.getHeader(name);
      raw.removeHeader(name);
      return [name, value];
    }),
  );
}
