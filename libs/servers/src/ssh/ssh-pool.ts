import { createHash } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { APP_CONFIG, type AppConfig, Events, type StoredEvent, type SystemRef, UpstreamError } from '#core';
import {
  type CommandResult,
  type CommandStream,
  RemoteShell,
  type RunOptions,
  type Terminal,
  type TerminalSize,
} from './remote-shell.js';
import { SshClient } from './ssh.client.js';
import type { SshConnection } from './ssh-connection.client.js';
import type { PublicSsh } from './ssh-settings.js';
import { SshVault, type StoredSsh } from './ssh-vault.js';

const IDLE_MS = 5 * 60_000;
const SWEEP_MS = 30_000;

interface Pooled {
  /** Changes with whatever the connection was made with. */
  digest: string;
  opening: Promise<SshConnection>;
  /** Set once it is open. */
  connection?: SshConnection;
}

/**
 * One connection to each server that is used, kept until nothing has run on it for five minutes. Its settings are looked at each time
 * it is used, so that a change made through any replica counts at once.
 */
@Injectable()
export class SshPool extends RemoteShell implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly pooled = new Map<string, Pooled>();
  private timer?: NodeJS.Timeout;
  private unsubscribe?: () => void;

  constructor(
    private readonly client: SshClient,
    private readonly vault: SshVault,
    private readonly events: Events,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS).unref();
    this.unsubscribe = this.events.subscribe((event) => this.heard(event), {
      types: ['server.updated', 'server.deleted'],
    });
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.unsubscribe?.();
    for (const id of [...this.pooled.keys()]) this.forget(id);
  }

  override async run(serverId: string, command: string, options: RunOptions): Promise<CommandResult> {
    const started = Date.now();
    const connection = await this.connection(serverId, options.timeoutMs);
    return connection.run(command, { ...options, timeoutMs: Math.max(1, options.timeoutMs - (Date.now() - started)) });
  }

  override async follow(serverId: string, command: string): Promise<CommandStream> {
    return (await this.connection(serverId)).follow(command, this.config.upstreamTimeoutMs);
  }

  override async terminal(serverId: string, command: string | null, size: TerminalSize): Promise<Terminal> {
    return (await this.connection(serverId)).terminal(command, size, this.config.upstreamTimeoutMs);
  }

  override forget(serverId: string): void {
    const entry = this.pooled.get(serverId);
    this.pooled.delete(serverId);
    entry?.opening.then(
      (connection) => connection.close(),
      () => undefined,
    );
  }

  /** Signs in once, outside the pool, pins what is shown, and answers the keys. */
  async trySignIn(serverId: string): Promise<SshConnection> {
    return this.connect(serverId, await this.vault.read(serverId), this.config.upstreamTimeoutMs);
  }

  private async connection(serverId: string, timeoutMs = this.config.upstreamTimeoutMs): Promise<SshConnection> {
    const stored = await this.vault.read(serverId);
    const digest = digestOf(stored);
    const known = this.pooled.get(serverId);
    if (known && known.digest === digest && this.usable(known, stored.ssh)) return known.opening;
    this.forget(serverId);
    const entry: Pooled = { digest, opening: this.connect(serverId, stored, timeoutMs) };
    this.pooled.set(serverId, entry);
    try {
      entry.connection = await entry.opening;
    } catch (error) {
      if (this.pooled.get(serverId) === entry) this.pooled.delete(serverId);
      throw error;
    }
    return entry.connection;
  }

  private usable({ connection }: Pooled, ssh: PublicSsh | null): boolean {
    if (!connection) return true;
    if (connection.closed || !ssh) return false;
    const sameTarget = ssh.hostKey === null || ssh.hostKey === connection.hostKey;
    return sameTarget && (!ssh.jump?.hostKey || ssh.jump.hostKey === connection.jumpHostKey);
  }

  private async connect(serverId: string, stored: StoredSsh, timeoutMs: number): Promise<SshConnection> {
    const settings = this.vault.require(serverId, stored);
    const system: SystemRef = { kind: 'server', id: serverId, name: stored.name };
    const withinMs = Math.min(timeoutMs, this.config.upstreamTimeoutMs);
    const connection = await this.client.connect(system, settings, withinMs);
    try {
      const pinned = settings.hostKey !== null && (!settings.jump || settings.jump.hostKey !== null);
      if (!pinned && !(await this.vault.pin(serverId, connection, stored)))
        throw new UpstreamError(system, 'Its SSH settings were changed while it was connected to. Try again.');
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** A server was removed, or is reached in another way: also when another replica did that. */
  private heard({ type, resource, data }: StoredEvent): void {
    const changed = (data as { changed?: string[] }).changed ?? [];
    if (resource.id && (type === 'server.deleted' || changed.includes('ssh'))) this.forget(resource.id);
  }

  private sweep(): void {
    for (const [id, { connection }] of [...this.pooled]) {
      if (connection && (connection.closed || connection.idleMs > IDLE_MS)) this.forget(id);
    }
  }
}

/** Without the host keys: those are pinned while the connection is in use. */
function digestOf({ ssh, sealedSsh }: StoredSsh): string {
  const route = [ssh, ssh?.jump].map((hop) => hop && [hop.host, hop.port, hop.username]);
  return createHash('sha256')
    .update(JSON.stringify([route, sealedSsh]))
    .digest('base64');
}
