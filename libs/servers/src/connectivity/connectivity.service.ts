import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig, AuditTrail, Conflict, OutboundGuard, OutboundRefused } from '#core';
import { clean } from '../node-exporter-devices.js';
import type { Server } from '../server.entity.js';
import { ServersService } from '../servers.service.js';
import type { ConnectivityDto } from './connectivity.dto.js';
import type { CertificateView, ConnectivityView } from './connectivity.view.js';

const DAY_MS = 86_400_000;

/** Whether ports of servers can be reached from here. */
@Injectable()
export class ConnectivityService {
  constructor(
    private readonly servers: ServersService,
    private readonly guard: OutboundGuard,
    private readonly audit: AuditTrail,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Connects once. That it fails is an answer, not an error. */
  async check(id: string, { port, tls }: ConnectivityDto): Promise<ConnectivityView> {
    const server = await this.servers.find(id);
    const host = addressOf(server);
    this.audit.describe({ resource: { type: 'server', id, name: server.name }, after: { port, tls } });
    const started = performance.now();
    try {
      const socket = await this.connect(host, port);
      const latencyMs = Math.round((performance.now() - started) * 10) / 10;
      const name = [server.hostname, host].find((text) => text && isIP(text) === 0);
      const certificate = tls ? await this.certificate(socket, name ?? undefined) : null;
      socket.destroy();
      return { open: true, latencyMs, tls: certificate };
    } catch (error) {
      if (error instanceof OutboundRefused)
        throw new Conflict(`The address ${error.message}.`, { code: 'address_refused', cause: error });
      return { open: false, latencyMs: null, tls: null };
    }
  }

  private connect(host: string, port: number): Promise<Socket> {
    this.guard.checkHost(host);
    const socket = connect({ host, port, lookup: this.guard.lookup });
    return this.within(socket, (resolve) => socket.once('connect', () => resolve(socket)));
  }

  /** Null when there is no TLS. Nothing is sent over the connection, so whom it leads to need not be proven. */
  private async certificate(socket: Socket, servername: string | undefined): Promise<CertificateView | null> {
    const secure = connectTls({ socket, servername, rejectUnauthorized: false });
    try {
      return await this.within<CertificateView | null>(secure, (resolve) =>
        secure.once('secureConnect', () => resolve(viewOf(secure.getPeerCertificate()))),
      );
    } catch {
      return null;
    } finally {
      secure.destroy();
    }
  }

  private within<T>(socket: Socket, start: (resolve: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => fail(new Error('no answer in time')), this.config.upstreamTimeoutMs);
      socket.on('error', fail);
      socket.once('close', () => fail(new Error('closed')));
      start((value) => {
        clearTimeout(timer);
        resolve(value);
      });
      socket.once('close', () => clearTimeout(timer));
    });
  }
}

function addressOf({ ipAddress, hostname, ssh }: Server): string {
  const host = ipAddress ?? hostname ?? (ssh?.jump ? null : ssh?.host);
  if (!host) throw new Conflict('The server has neither an IP address nor a host name.', { code: 'no_address' });
  return host;
}

function viewOf(certificate: PeerCertificate): CertificateView | null {
  const validTo = new Date(certificate.valid_to);
  if (Number.isNaN(validTo.getTime())) return null;
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    validTo: validTo.toISOString(),
    daysLeft: Math.floor((validTo.getTime() - Date.now()) / DAY_MS),
  };
}

function nameOf(name: object): string {
  return clean(
    Object.entries(name)
      .map(([key, value]) => `${key}=${[value].flat().join('+')}`)
      .join(', '),
  );
}
