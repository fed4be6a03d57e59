import { Inject, Injectable } from '@nestjs/common';
import { APP_CONFIG, type AppConfig, type Page, type PageQuery, UpstreamError } from '#core';
import { refuseFailure } from '../ssh/answers.js';
import { pageOf } from '../ssh/page-of.js';
import { RemoteServers } from '../ssh/remote-servers.js';
import { RemoteShell } from '../ssh/remote-shell.js';
import type { ProcessView } from './process.view.js';
import { parseProcesses, PROCESSES_COMMAND, type ProcessReading } from './processes.js';

/** Some ten thousand processes. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What callers sort by: figures by what they are about. */
type Sortable = ProcessReading & { cpu: number | null; memory: number };

/** The processes of servers. */
@Injectable()
export class ProcessesService {
  constructor(
    private readonly shell: RemoteShell,
    private readonly servers: RemoteServers,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  async list(id: string, query: PageQuery): Promise<Page<ProcessView>> {
    const system = await this.servers.reachable(id);
    const timeoutMs = this.config.upstreamTimeoutMs;
    const result = await this.shell.run(id, PROCESSES_COMMAND, { timeoutMs, maxBytes: MAX_BYTES });
    refuseFailure(system, result, 'Reading the processes');
    const found = parseProcesses(result.stdout);
    if (!found) throw new UpstreamError(system, 'Its list of processes is not whole.');
    const q = query.q?.toLowerCase() ?? '';
    const sortable: Sortable[] = found
      .filter(({ command, user, pid }) => `${command}\n${user ?? ''}\n${pid}`.toLowerCase().includes(q))
      .map((process) => ({ ...process, cpu: process.cpuPercent, memory: process.memoryBytes }));
    const page = pageOf(sortable, query, ['cpu', 'memory', 'pid', 'user', 'command'], '-cpu');
    return Object.assign(page, { items: page.items.map(({ cpu: _cpu, memory: _memory, ...process }) => process) });
  }
}
