import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const PASSWORD = 'a password for measuring';

const children: ChildProcess[] = [];

/** A process of ours that says `listening on <url>` or EINFRA's own line when it is ready. */
export interface Started {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts a script of Node and waits for its address. */
export async function startNode(args: string[], environment: Record<string, string> = {}): Promise<Started> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const url = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
      const found = /listen(?:s|ing) on (http:\S+)/.exec(output)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}: ${output}`)));
  });
  return {
    url,
    pid: child.pid as number,
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Starts the built API as it runs in production, with its log at the default level. */
export function startApi(environment: Record<string, string>): Promise<Started> {
  return startNode(['dist/apps/api/src/main.js'], {
    PORT: '0',
    ADMIN_PASSWORD: PASSWORD,
    RATE_LIMIT: '1000000',
    EINFRA_DATA_DIR: mkdtempSync(join(tmpdir(), 'einfra-bench-')),
    ...environment,
  });
}

/** Ends whatever was started. */
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export async function signIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: PASSWORD }),
  });
  return ((await response.json()) as { token: string }).token;
}

/** What one run of wrk measured. */
export interface Load {
  requestsPerSecond: number;
  p99Ms: number;
  failures: number;
}

export interface LoadOptions {
  headers?: Record<string, string>;
  seconds?: number;
  connections?: number;
  /** Lua for wrk, for anything but a plain GET. */
  script?: string;
}

/** Loads one address with wrk on one thread. */
export function load(url: string, options: LoadOptions = {}): Load {
  return read(execFileSync('wrk', wrkArgs(url, options), { encoding: 'utf8' }));
}

/** The same, beside others. */
export async function loadAsync(url: string, options: LoadOptions = {}): Promise<Load> {
  return read((await promisify(execFile)('wrk', wrkArgs(url, options))).stdout);
}

function wrkArgs(url: string, { headers = {}, seconds = 6, connections = 32, script }: LoadOptions): string[] {
  const file = join(mkdtempSync(join(tmpdir(), 'einfra-wrk-')), 'script.lua');
  writeFileSync(file, `${script ?? ''}\n${REPORT}`);
  const headerArgs = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', file, ...headerArgs, url];
}

function read(output: string): Load {
  const [, requests, microseconds, p99, errors] = /RESULT (\d+) (\d+) (\d+) (\d+)/.exec(output) ?? [];
  return {
    requestsPerSecond: Number(requests) / (Number(microseconds) / 1e6),
    p99Ms: Number(p99) / 1000,
    failures: Number(errors),
  };
}

/** Median time of one call after another, in ms, after a warm-up of a tenth. */
export async function medianMs(count: number, call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = -count / 10; i < count; i++) {
    const start = performance.now();
    await call();
    if (i >= 0) times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}

const REPORT = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end`;

/** Runs the candidates turn by turn, so that a busy moment of the machine hits all, and answers the median of each. */
export function compare(rounds: number, candidates: Record<string, () => Load>): Record<string, Load> {
  const results: Record<string, Load[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(candidates)) (results[name] ??= []).push(run());
  }
  return Object.fromEntries(Object.entries(results).map(([name, loads]) => [name, median(loads)]));
}

function median(loads: Load[]): Load {
  return [...loads].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond)[Math.floor(loads.length / 2)] as Load;
}

/** Resident memory of a process, in MiB. */
export function residentMiB(pid: number): number {
  const status = execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' });
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** One line of the result: a ratio against what it is compared with, and the goal. */
export function report(what: string, ratio: number, goal: string, details: string): void {
  console.log(`${what.padEnd(58)} ${ratio.toFixed(2).padStart(6)}   goal ${goal.padEnd(8)} ${details}`);
}
