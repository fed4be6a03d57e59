import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { describeError } from '../errors/problem.js';
import type { RequestContext } from '../http/request-context.js';
import { redactTokens } from '../secrets/redact.js';

const MAX_USER_AGENT = 256;

/** An upgrade as the gateway sees it: path without query, and what the audit log wants to know. */
export interface UpgradeRequest {
  path: string;
  query: URLSearchParams;
  ticket: string;
  context: RequestContext;
}

export function readUpgrade(request: IncomingMessage, trustedProxies: number): UpgradeRequest {
  const [path = '', search = ''] = (request.url ?? '').split('?', 2);
  const query = new URLSearchParams(search);
  const ticket = query.get('ticket') ?? '';
  query.delete('ticket');
  const context: RequestContext = {
    requestId: randomUUID(),
    address: addressOf(request, trustedProxies),
    userAgent: redactTokens(request.headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? '') || null,
    method: request.method ?? 'GET',
    audit: {},
    secrets: new Set(),
    accessAsked: false,
  };
  return { path, query, ticket, context };
}

/** The caller's address, behind as many proxies as are trusted: what the last of them says, and so on. */
function addressOf({ socket, headers }: IncomingMessage, trustedProxies: number): string {
  const named = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter(Boolean)
    .reverse();
  const hops = [socket.remoteAddress ?? '', ...named];
  return hops[Math.min(trustedProxies, hops.length - 1)] ?? '';
}

/** A browser says which page asks: one of this host, or one that is configured. Other programs say nothing. */
export function isOriginAllowed({ headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && host !== undefined && new URL(origin).host === host.toLowerCase();
}

/** Answers a refused upgrade with a problem document. */
export function refuseUpgrade(socket: Duplex, { path, context }: UpgradeRequest, error: unknown): void {
  const { status, code, title, detail, retryAfterSeconds, extra } = describeError(error);
  const instance = redactTokens(path);
  const problem = {
    type: `urn:einfra:problem:${code}`,
    title,
    status,
    detail,
    instance,
    code,
    requestId: context.requestId,
  };
  const body = JSON.stringify({ ...problem, ...extra });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `X-Request-Id: ${context.requestId}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${Math.max(1, Math.ceil(retryAfterSeconds))}`]),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
