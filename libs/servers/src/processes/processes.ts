import { scriptCommand } from '../ssh/quote.js';

/** A process of a machine. */
export interface ProcessReading {
  pid: number;
  parentPid: number;
  user: string | null;
  /** Name of the program, without arguments: those can hold secrets. */
  command: string;
  /** R, S, D, Z, … as the kernel says. */
  state: string;
  threads: number;
  /** 100 is one processor, over the second of the reading. */
  cpuPercent: number | null;
  memoryBytes: number;
  memoryPercent: number | null;
  startedAt: string | null;
}

const MARK = '@@einfra:';
const TICKS_PER_SECOND = 100;

/** All processes twice, a second apart, from /proc: BusyBox's ps tells neither processor nor memory. */
export const PROCESSES_COMMAND = scriptCommand(
  'exec 2>/dev/null; p() { cat /proc/uptime; cat /proc/[0-9]*/stat; }; ' +
    `echo ${MARK}first; p; sleep 1; echo ${MARK}second; p; echo ${MARK}machine; grep -E "^(MemTotal)" /proc/meminfo; grep "^btime" /proc/stat; ` +
    `getconf PAGESIZE; echo ${MARK}owners; ls -ldn /proc/[0-9]*; echo ${MARK}users; cut -d: -f1,3 /etc/passwd; echo ${MARK}end`,
);

interface Stat {
  pid: number;
  command: string;
  state: string;
  parentPid: number;
  ticks: number;
  threads: number;
  startTicks: number;
  pages: number;
}

/** Reads the answer to PROCESSES_COMMAND; null when it is not whole. */
export function parseProcesses(output: string): ProcessReading[] | null {
  const parts = sections(output);
  const [first, second, machine] = [parts.get('first'), parts.get('second'), parts.get('machine')];
  if (!first || !second || !machine || !parts.has('end')) return null;
  const before = new Map(stats(first).map((stat) => [`${stat.pid}:${stat.startTicks}`, stat]));
  const seconds = uptime(second) - uptime(first);
  const text = machine.join('\n');
  const memory = Number(/MemTotal:\s+(\d+) kB/.exec(text)?.[1] ?? NaN) * 1024;
  const bootTime = Number(/btime (\d+)/.exec(text)?.[1] ?? NaN);
  const pageSize = Number(/^(\d+)$/m.exec(text)?.[1] ?? 4096);
  const owner = owners(parts);
  return stats(second).map((stat) => {
    const earlier = before.get(`${stat.pid}:${stat.startTicks}`);
    const memoryBytes = stat.pages * pageSize;
    const started = new Date((bootTime + stat.startTicks / TICKS_PER_SECOND) * 1000);
    return {
      pid: stat.pid,
      parentPid: stat.parentPid,
      user: owner(stat.pid),
      command: stat.command,
      state: stat.state,
      threads: stat.threads,
      cpuPercent:
        earlier && seconds > 0 ? tenths(((stat.ticks - earlier.ticks) / TICKS_PER_SECOND / seconds) * 100) : null,
      memoryBytes,
      memoryPercent: memory > 0 ? tenths((memoryBytes / memory) * 100) : null,
      startedAt: Number.isNaN(started.getTime()) ? null : started.toISOString(),
    };
  });
}

function sections(output: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output.split('\n')) {
    if (line.startsWith(MARK)) found.set(line.slice(MARK.length), (current = []));
    else if (line) current.push(line);
  }
  return found;
}

function uptime(lines: string[]): number {
  return Number(lines[0]?.split(' ')[0] ?? NaN);
}

/** The name stands in parentheses and may hold any character, parentheses and spaces too. */
function stats(lines: string[]): Stat[] {
  return lines.flatMap((line) => {
    const [, pid, command = '', rest] = /^(\d+) \((.*)\) (\S .*)$/.exec(line) ?? [];
    if (!pid || !rest) return [];
    const field = rest.split(' ');
    const number = (index: number): number => Number(field[index] ?? NaN);
    return [
      {
        pid: Number(pid),
        command: command.replace(/\p{Cc}/gu, '?'),
        state: field[0] ?? '?',
        parentPid: number(1),
        ticks: number(11) + number(12),
        threads: number(17),
        startTicks: number(19),
        pages: number(21),
      },
    ];
  });
}

function owners(parts: Map<string, string[]>): (pid: number) => string | null {
  const names = new Map((parts.get('users') ?? []).map((line) => line.split(':').reverse() as [string, string]));
  const uids = new Map<number, string>();
  for (const line of parts.get('owners') ?? []) {
    const [, uid, pid] = /^\S+\s+\d+\s+(\d+)\s.*\/proc\/(\d+)$/.exec(line) ?? [];
    if (uid && pid) uids.set(Number(pid), uid);
  }
  return (pid) => {
    const uid = uids.get(pid);
    return uid === undefined ? null : (names.get(uid) ?? uid);
  };
}

function tenths(value: number): number {
  return Math.round(Math.max(0, value) * 10) / 10;
}
