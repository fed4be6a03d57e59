import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig, AuditTrail, Conflict, NotFound, Page, type SystemRef, UpstreamError } from '#core';
import { RemoteServers } from '../ssh/remote-servers.js';
import { refuseFailure, refuseKnownFailures } from '../ssh/answers.js';
import { RemoteShell } from '../ssh/remote-shell.js';
import { pageOf } from '../ssh/page-of.js';
import type { ListedServiceView, ServiceChangeView, ServiceView } from './service.view.js';
import type { ServiceListQuery } from './services.dto.js';
import {
  actionCommand,
  LIST_COMMAND,
  parseProperties,
  parseUnits,
  type ServiceAction,
  showCommand,
  timestampOf,
  unitOf,
} from './systemd.js';

const SORTABLE = ['name', 'activeState', 'unitFileState'] as const;
/** Units give their services this long to start or stop unless they say otherwise. */
const ACTION_TIMEOUT_MS = 100_000;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** The systemd services of servers. */
@Injectable()
export class ServicesService {
  constructor(
    private readonly shell: RemoteShell,
    private readonly servers: RemoteServers,
    private readonly audit: AuditTrail,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  async list(id: string, query: ServiceListQuery): Promise<Page<ListedServiceView>> {
    const system = await this.servers.reachable(id);
    const timeoutMs = this.config.upstreamTimeoutMs;
    const result = await this.shell.run(id, LIST_COMMAND, { timeoutMs, maxBytes: MAX_LIST_BYTES });
    refuseFailure(system, result, 'systemctl');
    const found = parseUnits(result.stdout).filter((unit) => matches(unit, query));
    return pageOf(found, query, SORTABLE, 'name');
  }

  async get(id: string, name: string): Promise<ServiceView> {
    return this.show(await this.servers.reachable(id), unitOf(name));
  }

  /** Brings a service into a state; one that is in it already is left alone. */
  async act(id: string, name: string, action: ServiceAction): Promise<ServiceChangeView> {
    const system = await this.servers.reachable(id);
    const unit = unitOf(name);
    this.audit.describe({ resource: { type: 'server', id, name: system.name } });
    const before = await this.show(system, unit);
    this.audit.describe({ before: stateOf(before), after: { service: unit } });
    refuseImpossible(before, action);
    if (isDone(before, action)) return { changed: false, service: before };
    const result = await this.shell.run(id, actionCommand(action, unit), { timeoutMs: ACTION_TIMEOUT_MS });
    refuseKnownFailures(system, result);
    if (result.exitCode !== 0) {
      const code = result.exitCode ?? 'unknown';
      throw new UpstreamError(
        system,
        `systemctl ${action} ended with exit code ${code}; the journal of ${unit} says more.`,
      );
    }
    const service = await this.show(system, unit);
    this.audit.describe({ after: { service: unit, ...stateOf(service) } });
    return { changed: true, service };
  }

  private async show(system: SystemRef & { id: string }, unit: string): Promise<ServiceView> {
    const result = await this.shell.run(system.id, showCommand(unit), { timeoutMs: this.config.upstreamTimeoutMs });
    refuseFailure(system, result, 'systemctl');
    const found = parseProperties(result.stdout);
    if (found['LoadState'] === 'not-found' || !found['Id']) throw new NotFound('service', unit);
    return viewOf(found);
  }
}

/** `[not set]` and the greatest number are systemd's words for nothing. */
function count(text: string | undefined): number | null {
  const value = Number(text || NaN);
  return Number.isSafeInteger(value) ? value : null;
}

function viewOf(found: Record<string, string>): ServiceView {
  return {
    name: found['Id'] ?? '',
    description: found['Description'] ?? '',
    loadState: found['LoadState'] ?? '',
    activeState: found['ActiveState'] ?? '',
    subState: found['SubState'] ?? '',
    unitFileState: found['UnitFileState'] || null,
    mainPid: count(found['MainPID']) || null,
    activeSince: timestampOf(found['ActiveEnterTimestamp']),
    result: found['Result'] || null,
    restarts: count(found['NRestarts']),
    memoryBytes: count(found['MemoryCurrent']),
    path: found['FragmentPath'] || null,
  };
}

function stateOf({ activeState, unitFileState }: ServiceView): object {
  return { activeState, unitFileState };
}

function matches({ name, description, activeState }: ListedServiceView, { state, q }: ServiceListQuery): boolean {
  if (state && !state.includes(activeState)) return false;
  return !q || `${name}\n${description}`.toLowerCase().includes(q.toLowerCase());
}

function isDone({ activeState, unitFileState }: ServiceView, action: ServiceAction): boolean {
  switch (action) {
    case 'start':
      return activeState === 'active';
    case 'stop':
      return activeState === 'inactive' || activeState === 'failed';
    case 'enable':
      return unitFileState === 'enabled' || unitFileState === 'alias';
    case 'disable':
      return unitFileState === 'disabled';
    default:
      return false;
  }
}

function refuseImpossible({ name, loadState, unitFileState }: ServiceView, action: ServiceAction): void {
  if (loadState === 'masked' && action !== 'stop' && action !== 'disable')
    throw new Conflict(`${name} is masked.`, { code: 'service_masked' });
  if ((action === 'enable' || action === 'disable') && /^(static|generated|transient)$/.test(unitFileState ?? ''))
    throw new Conflict(`${name} is ${unitFileState}: whether it starts with the machine is not set by enabling.`);
}
