import { readdirSync, readFileSync } from 'node:fs';
import type { Replica } from '../real/replicas.js';

/** What a stretch of load did to a process. */
export interface LoadReport {
  requests: number;
  failures: string[];
  p50Ms: number;
  p99Ms: number;
  /** Resident memory, in MiB, at the end of each tenth of the time. */
  memoryMiB: number[];
  /** Open file descriptors at the same moments, counted while nothing is under way. */
  handles: number[];
}

const LANES = 16;

/**
 * Everything that people do, at once and again and again: lists with filters, single reads, creates, changes, removals, sign-ins,
 * tokens, audit pages, mistakes. Each lane waits for its answer before it goes on, as people do.
 */
export async function mixedLoad(replica: Replica, seconds: number): Promise<LoadReport> {
  const report: LoadReport = { requests: 0, failures: [], p50Ms: 0, p99Ms: 0, memoryMiB: [], handles: [] };
  const times: number[] = [];
  const token = await replica.signIn();
  for (let tenth = 0; tenth < 10; tenth++) {
    const until = Date.now() + (seconds * 1000) / 10;
    await Promise.all(Array.from({ length: LANES }, (_, lane) => work(`${tenth}-${lane}`, until)));
    report.memoryMiB.push(residentMiB(replica.child.pid as number));
    report.handles.push(openHandles(replica.child.pid as number));
  }
  times.sort((a, b) => a - b);
  report.requests = times.length;
  report.p50Ms = times[Math.floor(times.length * 0.5)] ?? 0;
  report.p99Ms = times[Math.floor(times.length * 0.99)] ?? 0;
  return report;

  async function ask(method: string, path: string, expected: number, body?: unknown): Promise<any> {
    const answer = await replica.call(method, path, body, { token });
    times.push(answer.ms);
    if (answer.status !== expected)
      report.failures.push(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return answer.body;
  }

  async function work(lane: string, until: number): Promise<void> {
    for (let turn = 0; Date.now() < until; turn++) {
      const { id } = await ask('POST', '/api/servers', 201, {
        name: `load-${lane}-${turn}`,
        environment: 'load',
        tags: ['load'],
      });
      await ask('GET', `/api/servers/${id}`, 200);
      await ask('GET', '/api/servers?environment=load&sort=-createdAt&pageSize=20', 200);
      await ask('PATCH', `/api/servers/${id}`, 200, { description: `turn ${turn}` });
      await ask('GET', '/api/servers?q=load&tag=load&page=2', 200);
      await ask('GET', '/api/me', 200);
      await ask('GET', '/api/audit?limit=20', 200);
      await ask('POST', '/api/servers', 400, { name: '', unknown: 'x'.repeat(1000) });
      await ask('GET', '/api/servers/not-a-uuid', 400);
      await ask('DELETE', `/api/servers/${id}`, 204);
      if (turn % 10 === 0) await replica.signIn();
      if (turn % 25 === 0) await ask('GET', '/api/audit/export?format=csv&action=server.delete&limit=100', 400);
    }
  }
}

/** Whether the last figures are no higher than those after warm-up, within `slack` (a share) and `step` (a constant). */
export function isFlat(figures: number[], slack: number, step: number): boolean {
  const settled = Math.max(...figures.slice(2, 6));
  return Math.max(...figures.slice(-2)) <= settled * (1 + slack) + step;
}

function residentMiB(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}

function openHandles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
