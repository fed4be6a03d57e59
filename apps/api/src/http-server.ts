import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { BadRequestException, UnsupportedMediaTypeException } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { trace } from '@opentelemetry/api';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { PinoLogger } from 'nestjs-pino';
import { type AppConfig, describeError, Metrics, redactText, redactTokens, runInContext, sendProblem } from '#core';
import { addSecurityHeaders } from './security-headers.js';

/** Bodies of ordinary JSON requests; routes that take more say so. */
const BODY_LIMIT = 1024 * 1024;
/** Longer names are legal in what we manage (image references, label selectors). */
const MAX_PARAM_LENGTH = 1024;

/** The HTTP server below Nest: limits, request ids, problem documents for what never reaches a controller. */
export function createAdapter(config: AppConfig): FastifyAdapter {
  return new FastifyAdapter({
    logger: false,
    // a plain number means nobody to Fastify: hops are counted here, the connection itself being the first
    trustProxy: config.trustedProxies === 0 ? false : (_address: string, hop: number) => hop < config.trustedProxies,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // the absolute form (RFC 9112) is answered like any other; the host that it names must not get into links
    rewriteUrl: ({ url = '/' }: IncomingMessage) => url.replace(/^https?:\/\/[^/?#]*\/?/i, '/'),
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) => requestId(request),
    // a request must be whole within this time, however slowly it is sent
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    frameworkErrors: refuseUrl,
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => refuseConnection(error, socket),
  } as FastifyServerOptions);
}

/** Hooks, parsers and headers that hold for every route. Called before Nest registers its routes. */
export async function prepareServer(app: NestFastifyApplication, config: AppConfig): Promise<void> {
  const server = app.getHttpAdapter().getInstance();
  addContext(server);
  addAccessLog(server, app.get(Metrics), await app.resolve(PinoLogger));
  addBodyLimits(server);
  addJsonParser(server);
  addCsvParser(server);
  await addSecurityHeaders(app);
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: [
        'ETag',
        'Link',
        'Location',
        'X-Request-Id',
        'Retry-After',
        'RateLimit-Limit',
        'RateLimit-Remaining',
        'RateLimit-Reset',
      ],
      maxAge: 600,
      // an OPTIONS that is no preflight is answered, not refused with plain text
      strictPreflight: false,
    });
  }
}

function addContext(server: FastifyInstance): void {
  server.decorateRequest('einfra');
  server.addHook('onRequest', (request, reply, done) => {
    request.einfra = {
      requestId: request.id,
      address: request.ip,
      get userAgent() {
        return userAgentOf(request, this.secrets);
      },
      method: request.method,
      parentSpan: parentSpan(request.raw),
      audit: {},
      secrets: new Set(),
      accessAsked: false,
    };
    void reply.header('X-Request-Id', request.id);
    nameSpan(request);
    runInContext(request.einfra, done);
  });
  // reading the body leaves the context: it arrives in events of the socket
  server.addHook('preValidation', (request, _reply, done) => runInContext(request.einfra, done));
}

/** One lean line and one measurement a request: no headers, no query, no body. */
function addAccessLog(server: FastifyInstance, metrics: Metrics, { logger }: PinoLogger): void {
  // nothing in these fields is looked through for secrets: there can be none
  const lines = logger.child({ context: 'Http' }, { redact: [] });
  server.addHook('onResponse', (request, reply, done) => {
    const line = {
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      address: request.ip,
    };
    metrics.httpDuration.observe(
      { method: line.method, route: line.route ?? 'none', status: line.status },
      reply.elapsedTime / 1000,
    );
    runInContext(request.einfra, () => lines.info(line));
    done();
  });
}

/**
 * JSON, of which an empty body is none at all: actions are often called that way. `__proto__` is refused, and so is what is
 * not UTF-8: a decoder would put other characters in its place.
 */
function addJsonParser(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!isUtf8(body as Buffer)) return done(new BadRequestException('The body is not valid UTF-8.'));
    const text = body.toString();
    if (text.trim() === '') done(null, undefined);
    else void parse(request, text, done);
  });
}

/** Routes say with `RouteConfig` that they take more than others, and that they take CSV. */
interface RouteBodies {
  bodyLimit?: number;
  csv?: boolean;
}

function addBodyLimits(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const { bodyLimit } = (route.config ?? {}) as RouteBodies;
    if (bodyLimit !== undefined) route.bodyLimit = bodyLimit;
  });
}

/** CSV as one text. */
function addCsvParser(server: FastifyInstance): void {
  server.addContentTypeParser('text/csv', { parseAs: 'buffer' }, (request, body, done) => {
    if (!(request.routeOptions.config as RouteBodies).csv) return done(new UnsupportedMediaTypeException());
    if (!isUtf8(body as Buffer)) return done(new BadRequestException('The body is not valid UTF-8.'));
    done(null, body.toString());
  });
}

const MAX_USER_AGENT = 256;

/** What the caller says it is, without secrets of the request: command lines end up there. */
function userAgentOf({ headers }: FastifyRequest, secrets: Set<string>): string | null {
  const text = headers['user-agent']?.slice(0, 2 * MAX_USER_AGENT);
  return text === undefined ? null : redactTokens(redactText(text, secrets)).slice(0, MAX_USER_AGENT);
}

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The caller's own request id or trace id, when it is harmless; else a new one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  if (typeof given === 'string' && REQUEST_ID.test(given) && redactTokens(given) === given) return given;
  return parentSpan(request)?.traceId ?? randomUUID();
}

function parentSpan(request: IncomingMessage): { traceId: string; spanId: string } | undefined {
  const header = request.headers['traceparent'];
  const [, traceId, spanId] = (typeof header === 'string' && TRACEPARENT.exec(header)) || [];
  return traceId && spanId ? { traceId, spanId } : undefined;
}

/** Tracing below the framework knows no routes. */
function nameSpan(request: FastifyRequest): void {
  const route = request.routeOptions.url;
  if (route) trace.getActiveSpan()?.updateName(`${request.method} ${route}`).setAttribute('http.route', route);
}

/** URLs that can't be read, or with names beyond the limit. No hook has seen them, and Fastify would repeat them in its message. */
function refuseUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const described = describeError(error);
  const detail = described.status === 414 ? 'A part of the URL is too long.' : 'The URL is not valid.';
  void reply.header('X-Request-Id', request.id);
  sendProblem(request, reply, { ...described, detail });
}

/** Bytes that are no HTTP request, or headers beyond the limit. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, title] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'headers_too_large', 'Request headers too large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'request_timeout', 'Request timeout']
        : [400, 'bad_request', 'Bad request'];
  const requestId = randomUUID();
  const body = JSON.stringify({
    type: `urn:einfra:problem:${code}`,
    title,
    status,
    detail: title,
    instance: '',
    code,
    requestId,
  });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `X-Request-Id: ${requestId}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
