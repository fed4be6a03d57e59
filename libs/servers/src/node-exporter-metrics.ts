import {
  clean,
  DEVICE_METRICS,
  type DiskReading,
  type FileSystemReading,
  type InterfaceReading,
  quantity,
  readDisks,
  readFileSystems,
  readInterfaces,
  sumDisks,
} from './node-exporter-devices.js';
import { DETAIL_METRICS, type MachineDetails, readDetails } from './facts/exporter-facts.js';
import { parsePrometheusText, type Sample } from './prometheus-text.js';

/** What a machine said of itself once. Survives JSON: what can't be known, or was not a number, is null. */
export interface NodeReading {
  /** When it was read, by our clock, in milliseconds. */
  at: number;
  /** Seconds since 1970, by the machine's clock. */
  bootTime: number | null;
  uptimeSeconds: number | null;
  /** Seconds since start, over all processors; `idle` includes waiting for disks. */
  cpu: { cores: number; idle: number; total: number } | null;
  memoryTotal: number | null;
  memoryAvailable: number | null;
  swapTotal: number | null;
  swapFree: number | null;
  load1: number | null;
  load5: number | null;
  load15: number | null;
  fileSystems: FileSystemReading[];
  interfaces: InterfaceReading[];
  /** Absent when the source doesn't tell. */
  disks?: DiskReading[];
  details?: MachineDetails;
  os: string | null;
  kernel: string | null;
  architecture: string | null;
}

/** The state of a machine at one moment. Percentages 0–100; null is "can't be known", never zero. */
export interface MetricSample {
  at: Date;
  cpuPercent: number | null;
  memoryPercent: number | null;
  memoryUsedBytes: number | null;
  memoryTotalBytes: number | null;
  diskPercent: number | null;
  diskUsedBytes: number | null;
  diskTotalBytes: number | null;
  networkReceiveBytesPerSecond: number | null;
  networkTransmitBytesPerSecond: number | null;
  load1: number | null;
  load5: number | null;
  load15: number | null;
  uptimeSeconds: number | null;
}

/** What a reading tells about the machine itself; a fact that is not known is absent. */
export interface ServerFacts {
  os?: string;
  kernel?: string;
  architecture?: string;
  cpuCores?: number;
  memoryBytes?: number;
  diskBytes?: number;
}

/** The text is an exposition, but not what a node_exporter says of one machine. */
export class NotNodeExporterError extends Error {
  override readonly name = 'NotNodeExporterError';
}

/** Reads a scrape that came at `at` (milliseconds). Throws PrometheusFormatError or NotNodeExporterError. */
export function readCounters(text: string, at: number): NodeReading {
  const samples = parsePrometheusText(text, (name) => WANTED.has(name));
  const gauges = new Map<string, number>();
  for (const { name, value } of samples) {
    if (!GAUGES.has(name)) continue;
    if (gauges.has(name))
      throw new NotNodeExporterError('The answer describes several machines, as a federation endpoint does.');
    gauges.set(name, value);
  }
  const of = (name: string): number | null => quantity(gauges.get(name));
  const cpu = readCpu(samples);
  if (cpu === null && of('node_memory_MemTotal_bytes') === null) throw notNodeExporter(samples);
  const [bootTime, time] = [of('node_boot_time_seconds'), of('node_time_seconds')];
  return {
    at,
    bootTime,
    uptimeSeconds: bootTime === null || time === null ? null : quantity(time - bootTime),
    cpu,
    memoryTotal: of('node_memory_MemTotal_bytes'),
    memoryAvailable: of('node_memory_MemAvailable_bytes'),
    swapTotal: of('node_memory_SwapTotal_bytes'),
    swapFree: of('node_memory_SwapFree_bytes'),
    load1: of('node_load1'),
    load5: of('node_load5'),
    load15: of('node_load15'),
    fileSystems: readFileSystems(samples),
    interfaces: readInterfaces(samples),
    disks: readDisks(samples),
    details: readDetails(samples),
    os: label(samples, 'node_os_info', 'pretty_name'),
    kernel: label(samples, 'node_uname_info', 'release'),
    architecture: label(samples, 'node_uname_info', 'machine'),
  };
}

/**
 * The sample that a reading makes. CPU and network need the reading before: they are null without one, after a reboot, and when a
 * counter has gone back.
 */
export function toSample(previous: NodeReading | null, current: NodeReading): MetricSample {
  const before = previous !== null && isContinued(previous, current) ? previous : null;
  const { memoryTotal, memoryAvailable, uptimeSeconds } = current;
  const memoryUsed = memoryTotal === null || memoryAvailable === null ? null : quantity(memoryTotal - memoryAvailable);
  const disk = sumDisks(current.fileSystems);
  return {
    at: new Date(current.at),
    cpuPercent: before && cpuPercent(before, current),
    memoryPercent: memoryUsed === null ? null : percent(memoryUsed, memoryTotal ?? 0),
    memoryUsedBytes: whole(memoryUsed),
    memoryTotalBytes: whole(memoryTotal),
    diskPercent: disk && percent(disk.used, disk.used + disk.avail),
    diskUsedBytes: whole(disk && disk.used),
    diskTotalBytes: whole(disk && disk.size),
    networkReceiveBytesPerSecond: before && networkRate(before, current, 'receive'),
    networkTransmitBytesPerSecond: before && networkRate(before, current, 'transmit'),
    load1: hundredths(current.load1),
    load5: hundredths(current.load5),
    load15: hundredths(current.load15),
    uptimeSeconds: uptimeSeconds === null ? null : Math.floor(uptimeSeconds),
  };
}

/** What a reading says of the machine: system, size. */
export function discoverFacts(reading: NodeReading): ServerFacts {
  return {
    os: reading.os ?? undefined,
    kernel: reading.kernel ?? undefined,
    architecture: reading.architecture ?? undefined,
    cpuCores: reading.cpu?.cores,
    memoryBytes: whole(reading.memoryTotal) ?? undefined,
    diskBytes: whole(sumDisks(reading.fileSystems)?.size ?? null) ?? undefined,
  };
}

const GAUGES = new Set([
  'node_boot_time_seconds',
  'node_time_seconds',
  'node_load1',
  'node_load5',
  'node_load15',
  'node_memory_MemTotal_bytes',
  'node_memory_MemAvailable_bytes',
  'node_memory_SwapTotal_bytes',
  'node_memory_SwapFree_bytes',
]);

const WANTED = new Set([...GAUGES, ...DEVICE_METRICS, ...DETAIL_METRICS, 'node_cpu_seconds_total', 'node_os_info']);

/** Seconds by which the boot time may drift: it is derived from the clock, which gets corrected. */
const BOOT_TIME_DRIFT = 60;

function notNodeExporter(samples: Sample[]): NotNodeExporterError {
  const named = samples.some(({ name }) => name === 'node_cpu_seconds_total' || name === 'node_memory_MemTotal_bytes');
  return new NotNodeExporterError(
    named
      ? 'The values of node_cpu_seconds_total and node_memory_MemTotal_bytes are not numbers.'
      : 'The answer is not from a node_exporter: it has neither node_cpu_seconds_total nor node_memory_MemTotal_bytes.',
  );
}

function readCpu(samples: Sample[]): NodeReading['cpu'] {
  const cores = new Set<string | undefined>();
  let [idle, total] = [0, 0];
  for (const { name, labels, value } of samples) {
    // Linux counts guest time within user and nice; node_exporter has it in a metric of its own, others might not.
    if (name !== 'node_cpu_seconds_total' || labels.mode === 'guest' || labels.mode === 'guest_nice') continue;
    cores.add(labels.cpu);
    total += value;
    if (labels.mode === 'idle' || labels.mode === 'iowait') idle += value;
  }
  return cores.size === 0 || quantity(total) === null || quantity(idle) === null
    ? null
    : { cores: cores.size, idle, total };
}

/** Whether counters ran on from one reading to the next. */
export function isContinued(previous: NodeReading, current: NodeReading): boolean {
  const elapsed = (current.at - previous.at) / 1000;
  if (!(elapsed > 0)) return false;
  if (current.uptimeSeconds !== null && current.uptimeSeconds < elapsed) return false;
  return (
    previous.bootTime === null || current.bootTime === null || current.bootTime - previous.bootTime <= BOOT_TIME_DRIFT
  );
}

/** Busy is what was neither idle nor waiting for a disk; null when processors came or went. */
function cpuPercent({ cpu: before }: NodeReading, { cpu: now }: NodeReading): number | null {
  if (!before || !now || before.cores !== now.cores) return null;
  const [idle, total] = [now.idle - before.idle, now.total - before.total];
  return idle < 0 || total <= 0 ? null : percent(total - idle, total);
}

/** Bytes a second over the interfaces that both readings have: one that is new has no rate yet. */
function networkRate(previous: NodeReading, current: NodeReading, direction: 'receive' | 'transmit'): number | null {
  const before = new Map(previous.interfaces.map((entry) => [entry.device, entry[direction]]));
  let bytes: number | null = null;
  for (const { device, [direction]: now } of current.interfaces) {
    const then = before.get(device);
    if (then == null || now === null) continue;
    if (now < then) return null;
    bytes = (bytes ?? 0) + now - then;
  }
  return bytes === null ? null : whole(bytes / ((current.at - previous.at) / 1000));
}

function label(samples: Sample[], metric: string, name: string): string | null {
  return clean(samples.find((sample) => sample.name === metric)?.labels[name] ?? '') || null;
}

function percent(part: number, all: number): number | null {
  return all > 0 ? hundredths(Math.min(100, Math.max(0, (part / all) * 100))) : null;
}

function hundredths(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}

function whole(value: number | null): number | null {
  return value === null ? null : quantity(Math.round(value));
}
