import { Inject, Injectable } from '@nestjs/common';
import { Access, APP_CONFIG, type AppConfig, AuditTrail, ProblemError, type SystemRef } from '#core';
import type { ConnectionTestView } from './connection-test.view.js';
import { MetricsSource } from './metrics-source.js';
import type { ServerSource } from './server-source.js';
import type { CreateServerDto } from './servers.dto.js';
import { ServersService } from './servers.service.js';
import { SourceCheck } from './source-check.js';

/** Tries sources out, before and after they are saved. A failure is an answer, not an error. */
@Injectable()
export class ConnectionTestsService {
  constructor(
    private readonly source: MetricsSource,
    private readonly servers: ServersService,
    private readonly sources: SourceCheck,
    private readonly access: Access,
    private readonly audit: AuditTrail,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Tries what would be registered. Needs the right to register it: it makes EINFRA connect to an address of the caller's choice. */
  async testNew({ name, environment, source }: CreateServerDto): Promise<ConnectionTestView> {
    this.access.require('servers:write', { kind: 'server', environment: environment ?? null });
    this.audit.describe({ resource: { type: 'server', name } });
    return this.test({ kind: 'server', name }, this.sources.accept(source));
  }

  /** Tries a registered server now, whatever the poller last saw. */
  async testSaved(id: string): Promise<ConnectionTestView> {
    const { name, source } = await this.servers.find(id);
    this.audit.describe({ resource: { type: 'server', id, name } });
    return this.test({ kind: 'server', id, name }, source);
  }

  private async test(system: SystemRef, source: ServerSource): Promise<ConnectionTestView> {
    if (source.type === 'none') return failed('no_source', 'The server has no source of metrics to test.');
    const started = performance.now();
    try {
      const version = await this.source.version({ system, url: source.url, timeoutMs: this.config.upstreamTimeoutMs });
      return { ok: true, latencyMs: Math.round(performance.now() - started), version, problem: null };
    } catch (error) {
      if (error instanceof ProblemError) return failed(error.code, error.message);
      throw error;
    }
  }
}

function failed(code: string, detail: string): ConnectionTestView {
  return { ok: false, latencyMs: null, version: null, problem: { code, detail } };
}
