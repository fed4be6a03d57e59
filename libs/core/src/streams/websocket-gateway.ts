import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ThrottlerStorage } from '@nestjs/throttler';
import { type WebSocket, WebSocketServer } from 'ws';
import { Access } from '../access/access.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { APP_CONFIG, type AppConfig } from '../config/config.js';
import { Forbidden, NotFound, RateLimited, ShuttingDown, Unauthenticated } from '../errors/errors.js';
import { type RequestContext, requireContext, runInContext } from '../http/request-context.js';
import { rates } from '../limits/rate-limit.guards.js';
import { Instance } from '../process/instance.js';
import { type GatewayRoute, GatewayRoutes, type MatchedRoute } from './gateway-routes.js';
import { StreamLimits } from './stream-limits.js';
import { StreamRights } from './stream-rights.js';
import { StreamTicketView } from './stream-ticket.view.js';
import { StreamTickets } from './stream-tickets.js';
import type { StreamTicketDto } from './stream-tickets.dto.js';
import { isOriginAllowed, readUpgrade, refuseUpgrade, type UpgradeRequest } from './upgrade-request.js';
import { CLOSE, type SessionSummary, WebSocketSession } from './websocket-session.js';

const MAX_SESSIONS = 10;
const MAX_MESSAGE_BYTES = 256 * 1024;

/** How long sessions last, and how often they are looked at, in ms. */
export const SESSION_TIMES = {
  recheck: 5_000,
  ping: 30_000,
  idle: 15 * 60_000,
  most: 8 * 3_600_000,
  /** A right that can't be checked, because the database is away, holds for this long. */
  unchecked: 30_000,
};

/**
 * The one place where WebSockets are opened, since no guard sees an upgrade: origin, rate, ticket, right, limits and audit, and
 * the right again while a session is open.
 */
@Injectable()
export class WebSocketGateway implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('WebSocketGateway');
  private readonly routes = new GatewayRoutes();
  private readonly sessions = new Map<WebSocketSession, Promise<void>>();
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  private closing = false;
  private http?: Server;

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly tickets: StreamTickets,
    private readonly rights: StreamRights,
    private readonly access: Access,
    private readonly audit: AuditTrail,
    private readonly limits: StreamLimits,
    private readonly instance: Instance,
    @Inject(ThrottlerStorage) private readonly throttler: ThrottlerStorage,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Called by domains when they start. */
  register(route: GatewayRoute): void {
    this.routes.add(route);
  }

  onApplicationBootstrap(): void {
    this.http = this.adapter.httpAdapter?.getHttpServer() as Server | undefined;
    if (!this.http) return;
    this.http.on('upgrade', this.onUpgrade);
    // clients of HTTP/2 offer to change the protocol with ordinary requests (h2c): those are answered as what they are
    Object.assign(this.http, { shouldUpgradeCallback: isWebSocket });
    this.instance.onDrain(() => void this.closeAll());
  }

  async onModuleDestroy(): Promise<void> {
    await this.closeAll();
    this.http?.off('upgrade', this.onUpgrade);
  }

  /** A ticket for the caller of this request. Throws what the route itself would. */
  async issueTicket({ path, method }: StreamTicketDto): Promise<StreamTicketView> {
    const match = this.routes.match(path);
    if (!match) throw new NotFound('stream');
    const { target, system } = await this.rights.targetOf(match);
    this.access.require(match.route.permission, target);
    this.audit.describe({ resource: { type: target.kind as string, id: system.id, name: system.name } });
    const { ticket, expiresAt } = await this.tickets.issue(this.access.caller(), path, method);
    // answers with secrets are not kept for replays
    requireContext().secrets.add(ticket);
    return { ticket, expiresAt: expiresAt.toISOString() };
  }

  private readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const upgrade = readUpgrade(request, this.config.trustedProxies);
    socket.on('error', () => socket.destroy());
    this.accept(upgrade, request, socket, head).catch((error: unknown) => refuseUpgrade(socket, upgrade, error));
  };

  private async accept(upgrade: UpgradeRequest, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.closing) throw new ShuttingDown();
    if (!isOriginAllowed(request, this.config.corsOrigins)) throw new Forbidden('This origin may not open streams.');
    const { context, path } = upgrade;
    await this.checkRate('address', context.address);
    const match = this.routes.match(path);
    if (!match) throw new NotFound('stream');
    const holder = await this.tickets.redeem(upgrade.ticket, path, request.method ?? '');
    context.caller = (holder && (await this.rights.caller(holder))) ?? undefined;
    if (!holder || !context.caller) throw new Unauthenticated('The ticket is not valid, or not any more.');
    await this.checkRate('caller', holder.userId);
    const allowed = await this.rights.current(holder, match);
    const resource = { type: 'system', id: match.params[match.route.scopeParam] ?? null };
    if (!allowed) {
      const problem = new Forbidden(`This needs the permission ${match.route.permission}.`);
      const refusal = { action: `${match.route.action}.start`, resource, status: 403, detail: problem.message };
      await runInContext(context, () => this.audit.refused(refusal));
      throw problem;
    }
    context.grant = allowed.grant;
    const release = this.limits.take('terminals', holder.userId, MAX_SESSIONS);
    try {
      const kind = (await this.rights.targetOf(match)).target.kind as string;
      context.audit.resource = { type: kind, id: allowed.system.id, name: allowed.system.name };
      // what can't be recorded is not begun
      await this.record(match, context, 'start');
      const webSocket = await this.upgrade(request, socket, head).catch(async (error: unknown) => {
        await this.record(match, context, 'end', 'the client left before it was open');
        throw error;
      });
      this.run(new WebSocketSession(webSocket, allowed.caller, match.params, upgrade.query), match, context, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error('the client left'));
      socket.once('close', () => reject(new Error('the client left')));
      this.server.handleUpgrade(request, socket, head, resolve);
    });
  }

  private run(session: WebSocketSession, match: MatchedRoute, context: RequestContext, release: () => void): void {
    const stopWatching = this.watch(session, match);
    const started = performance.now();
    const ended = session.over.then(async (summary) => {
      stopWatching();
      release();
      await this.record(match, context, 'end', describe(summary, performance.now() - started)).catch((error: Error) =>
        this.logger.error(`the end of a ${match.route.action} is lost: ${error.message}`),
      );
      this.sessions.delete(session);
    });
    this.sessions.set(session, ended);
    if (this.closing) return session.close(CLOSE.restart, 'the process stops');
    runInContext(context, () => match.route.open(session)).catch((error: unknown) => session.fail(error));
  }

  /** Ends the session when its right, its time or its client is gone. */
  private watch(session: WebSocketSession, match: MatchedRoute): () => void {
    const started = performance.now();
    let checkedAt = started;
    const check = async (): Promise<void> => {
      const now = performance.now();
      if (now - session.lastActiveAt > SESSION_TIMES.idle) return session.close(CLOSE.policy, 'idle');
      if (now - started > SESSION_TIMES.most) return session.close(CLOSE.policy, 'time limit');
      try {
        if (!(await this.rights.current(session.caller, match))) session.close(CLOSE.policy, 'right revoked');
        checkedAt = now;
      } catch {
        if (now - checkedAt > SESSION_TIMES.unchecked) session.close(CLOSE.policy, 'right not checked');
      }
    };
    const timers = [
      setInterval(() => void check(), SESSION_TIMES.recheck),
      setInterval(() => session.ping(), SESSION_TIMES.ping),
    ];
    timers.forEach((timer) => timer.unref());
    return () => timers.forEach(clearInterval);
  }

  private record({ route }: MatchedRoute, context: RequestContext, phase: string, detail?: string): Promise<void> {
    const event = { action: `${route.action}.${phase}`, outcome: 'succeeded' as const, detail };
    return runInContext(context, () => this.audit.record(event));
  }

  /** The same windows as those of requests. */
  private async checkRate(name: 'address' | 'caller', key: string): Promise<void> {
    const rate = rates(this.config.rateLimit).find((throttler) => throttler.name === name);
    if (!rate) return;
    const hit = await this.throttler.increment(`${name}:${key}`, Number(rate.ttl), Number(rate.limit), 0, name);
    if (hit.isBlocked) throw new RateLimited(hit.timeToBlockExpire);
  }

  private async closeAll(): Promise<void> {
    this.closing = true;
    const open = [...this.sessions];
    for (const [session] of open) session.close(CLOSE.restart, 'the process stops');
    await Promise.all(open.map(([, ended]) => ended));
  }
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

function describe({ bytesIn, bytesOut, exitCode, reason }: SessionSummary, ms: number): string {
  const ending = exitCode === undefined ? reason : `exit code ${exitCode ?? 'unknown'}`;
  return `${ending}; ${bytesIn} bytes in, ${bytesOut} bytes out, ${(ms / 1000).toFixed(1)} s`;
}
