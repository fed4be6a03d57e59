import { clean, quantity, readDisks, readFileSystems, readInterfaces } from '../node-exporter-devices.js';
import type { NodeReading } from '../node-exporter-metrics.js';
import type { Sample } from '../prometheus-text.js';
import { first, line, type Sections, sectionsOf, words } from './read-command.js';
import { detailsOf } from './ssh-details.js';

/** Linux counts in hundredths of a second wherever it shows times to programs. */
const TICKS_PER_SECOND = 100;
const SECTOR_BYTES = 512;

/** The output is not an answer to the reading command. */
export class NotAReading extends Error {
  override readonly name = 'NotAReading';
}

/** Reads an answer that came at `at` (milliseconds), with the meaning that a node_exporter's has. Throws NotAReading. */
export function readProc(output: string, at: number): NodeReading {
  const sections = sectionsOf(output);
  if (!sections) throw new NotAReading('Its answer to the reading command is not whole.');
  const cpu = readCpu(sections);
  const memory = readMemory(sections);
  if (!cpu && memory('MemTotal') === null) throw new NotAReading('It has no /proc to read.');
  const [load1, load5, load15] = words(first(sections, 'loadavg')).map((word) => quantity(Number(word)));
  const devices = [...fileSystemSamples(sections), ...interfaceSamples(sections)];
  const [, kernel = '', architecture = ''] = sections.get('uname') ?? [];
  const number = (text: string | undefined): number | null => (text ? quantity(Number(text)) : null);
  return {
    at,
    bootTime: number(/^btime (\d+)/.exec(line(sections, 'stat', 'btime'))?.[1]),
    uptimeSeconds: number(words(first(sections, 'uptime'))[0]),
    cpu,
    memoryTotal: memory('MemTotal'),
    memoryAvailable: memory('MemAvailable'),
    swapTotal: memory('SwapTotal'),
    swapFree: memory('SwapFree'),
    load1: load1 ?? null,
    load5: load5 ?? null,
    load15: load15 ?? null,
    fileSystems: readFileSystems(devices),
    interfaces: readInterfaces(devices),
    disks: readDisks(diskSamples(sections)),
    details: detailsOf(sections),
    os: osName(sections),
    kernel: clean(kernel) || null,
    architecture: clean(architecture) || null,
  };
}

/** PRETTY_NAME of os-release, whose values may be quoted as a shell would. */
function osName(sections: Sections): string | null {
  const value = line(sections, 'os', 'PRETTY_NAME=').slice('PRETTY_NAME='.length).trim();
  const bare = /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
  return clean(bare.replace(/\\(.)/g, '$1')) || null;
}

function readCpu(sections: Sections): NodeReading['cpu'] {
  const lines = (sections.get('stat') ?? []).filter((text) => /^cpu\d+ /.test(text));
  let [idle, total] = [0, 0];
  for (const text of lines) {
    // guest time, which follows, is within user and nice
    const times = words(text)
      .slice(1, 9)
      .map((word) => Number(word) / TICKS_PER_SECOND);
    total += times.reduce((sum, time) => sum + time, 0);
    idle += (times[3] ?? 0) + (times[4] ?? 0);
  }
  return lines.length === 0 || quantity(total) === null || quantity(idle) === null
    ? null
    : { cores: lines.length, idle, total };
}

function readMemory(sections: Sections): (name: string) => number | null {
  const kilobytes = new Map<string, number>();
  for (const text of sections.get('meminfo') ?? []) {
    const [, name, value] = /^(\w+):\s+(\d+) kB/.exec(text) ?? [];
    if (name) kilobytes.set(name, Number(value));
  }
  return (name) => {
    const value = kilobytes.get(name);
    return value === undefined ? null : quantity(value * 1024);
  };
}

/** df's lines as the samples that a node_exporter would show, so that the same rules say what counts as a disk. */
function fileSystemSamples(sections: Sections): Sample[] {
  const mounts = new Map<string, { fstype: string; readOnly: boolean }>();
  for (const text of sections.get('mounts') ?? []) {
    const [, mountpoint = '', fstype = '', options = ''] = text.split(' ');
    mounts.set(unescape(mountpoint), { fstype, readOnly: options.split(',').includes('ro') });
  }
  const samples: Sample[] = [];
  for (const [mountpoint, { device, total, used, available }] of dfLines(sections, 'df')) {
    const mount = mounts.get(mountpoint);
    if (!mount) continue;
    const labels = { device, mountpoint, fstype: mount.fstype };
    const add = (name: string, value: number): number =>
      samples.push({ name: `node_filesystem_${name}`, labels, value });
    add('size_bytes', total * 1024);
    add('free_bytes', (total - used) * 1024);
    add('avail_bytes', Math.max(0, available) * 1024);
    add('readonly', mount.readOnly ? 1 : 0);
  }
  for (const [mountpoint, { device, total, available }] of dfLines(sections, 'inodes')) {
    const mount = mounts.get(mountpoint);
    if (!mount || total === 0) continue;
    const labels = { device, mountpoint, fstype: mount.fstype };
    samples.push({ name: 'node_filesystem_files', labels, value: total });
    samples.push({ name: 'node_filesystem_files_free', labels, value: available });
  }
  return samples;
}

interface DfLine {
  device: string;
  total: number;
  used: number;
  available: number;
}

function dfLines(sections: Sections, name: string): Map<string, DfLine> {
  const found = new Map<string, DfLine>();
  for (const text of sections.get(name) ?? []) {
    const [, device = '', total, used, available, mountpoint] =
      /^(\S.*?)\s+(\d+)\s+(-?\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+(\/.*)$/.exec(text) ?? [];
    if (mountpoint === undefined) continue;
    found.set(mountpoint, { device, total: Number(total), used: Number(used), available: Number(available) });
  }
  return found;
}

/** What the kernel escapes in /proc/mounts: space, tab, newline, backslash. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function interfaceSamples(sections: Sections): Sample[] {
  return (sections.get('netdev') ?? []).flatMap((text) => {
    const [, device, counters] = /^\s*(\S+?):\s*(\d.*)$/.exec(text) ?? [];
    if (!device || !counters) return [];
    const numbers = words(counters).map(Number);
    const labels = { device };
    return [
      { name: 'node_network_receive_bytes_total', labels, value: numbers[0] ?? NaN },
      { name: 'node_network_transmit_bytes_total', labels, value: numbers[8] ?? NaN },
    ];
  });
}

function diskSamples(sections: Sections): Sample[] {
  return (sections.get('diskstats') ?? []).flatMap((text) => {
    const [, , device, , , read, , , , written, , , busy] = words(text);
    if (!device) return [];
    const labels = { device };
    const bytes = (sectors: string | undefined): number => Number(sectors ?? NaN) * SECTOR_BYTES;
    return [
      { name: 'node_disk_read_bytes_total', labels, value: bytes(read) },
      { name: 'node_disk_written_bytes_total', labels, value: bytes(written) },
      { name: 'node_disk_io_time_seconds_total', labels, value: Number(busy ?? NaN) / 1000 },
    ];
  });
}
