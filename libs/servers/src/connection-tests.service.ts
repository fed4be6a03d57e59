import { Inject, Injectable } from '@nestjs/common';
import { Access, APP_CONFIG, type AppConfig, AuditTrail, ProblemError, type SystemRef } from '#core';
import type { ConnectionTestView } from './connection-test.view.js';
import { MetricsSource } from './metrics-source.js';
import type { ServerSource } from './server-source.js';
import type { CreateServerDto } from './servers.dto.js';
import { ServersService } from './servers.service.js';
import { refuseMissingSsh } from './server-changes.js';
import { SourceCheck } from './source-check.js';
import { publicPart } from './ssh/ssh-settings.js';
import { SshSource } from './ssh/ssh-source.js';
import { type ShownKeys, SshVault } from './ssh/ssh-vault.js';

/** Tries sources out, before and after they are saved. A failure is an answer, not an error. */
@Injectable()
export class ConnectionTestsService {
  constructor(
    private readonly source: MetricsSource,
    private readonly ssh: SshSource,
    private readonly vault: SshVault,
    private readonly servers: ServersService,
    private readonly sources: SourceCheck,
    private readonly access: Access,
    private readonly audit: AuditTrail,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Tries what would be registered. Needs the right to register it: it makes EINFRA connect to an address of the caller's choice. */
  async testNew({ name, environment, source, ssh }: CreateServerDto): Promise<ConnectionTestView> {
    this.access.require('servers:write', { kind: 'server', environment: environment ?? null });
    this.audit.describe({ resource: { type: 'server', name } });
    const system = { kind: 'server', name };
    const settings = ssh ? this.vault.accept(ssh) : null;
    const accepted = this.sources.accept(source);
    refuseMissingSsh({ source: accepted, ssh: settings && publicPart(settings) });
    return this.test(system, accepted, settings && ((timeoutMs) => this.ssh.tryNew(system, settings, timeoutMs)));
  }

  /** Tries a registered server now, whatever the poller last saw. */
  async testSaved(id: string): Promise<ConnectionTestView> {
    const { name, source, ssh } = await this.servers.find(id);
    this.audit.describe({ resource: { type: 'server', id, name } });
    const system = { kind: 'server', id, name };
    return this.test(system, source, ssh && ((timeoutMs) => this.ssh.trySaved(system, timeoutMs)));
  }

  /** Tries the source and, where there is one, the SSH connection; the first that fails is the answer. */
  private async test(system: SystemRef, source: ServerSource, trySsh: TrySsh | null): Promise<ConnectionTestView> {
    if (source.type !== 'node-exporter' && !trySsh) {
      return failed(
        'no_source',
        source.type === 'push'
          ? 'The server pushes its samples: there is nothing to connect to.'
          : 'The server has no source of metrics to test.',
      );
    }
    const timeoutMs = this.config.upstreamTimeoutMs;
    const started = performance.now();
    try {
      const version =
        source.type === 'node-exporter' ? await this.source.version({ system, url: source.url, timeoutMs }) : null;
      const keys = await trySsh?.(timeoutMs);
      return {
        ok: true,
        latencyMs: Math.round(performance.now() - started),
        version,
        problem: null,
        ...(keys && { hostKey: keys.hostKey, ...(keys.jumpHostKey && { jumpHostKey: keys.jumpHostKey }) }),
      };
    } catch (error) {
      if (error instanceof ProblemError) return failed(error.code, error.message);
      throw error;
    }
  }
}

/** Signs in and reads once; answers the host keys that were shown. */
type TrySsh = (timeoutMs: number) => Promise<ShownKeys>;

function failed(code: string, detail: string): ConnectionTestView {
  return { ok: false, latencyMs: null, version: null, problem: { code, detail } };
}
