import { discoverFacts, type NodeReading } from '../node-exporter-metrics.js';
import type { FoundFacts } from './machine-facts.js';

/** More than machines have, few enough to be stored. */
const MAX_FILE_SYSTEMS = 200;

/** What a reading tells of the machine, whichever source it came from. */
export function foundFacts(reading: NodeReading): FoundFacts {
  const { os, kernel, architecture, cpuCores, memoryBytes } = discoverFacts(reading);
  const fileSystems = reading.fileSystems
    .map(({ mountpoint, device, type, size, readOnly }) => ({
      mountpoint,
      device: device ?? null,
      type,
      sizeBytes: size,
      readOnly,
    }))
    .sort((a, b) => (a.mountpoint < b.mountpoint ? -1 : 1))
    .slice(0, MAX_FILE_SYSTEMS);
  return {
    ...reading.details,
    os,
    kernel,
    architecture,
    cpuCores,
    memoryBytes,
    swapBytes: reading.swapTotal,
    bootedAt: bootedAt(reading.bootTime),
    fileSystems: fileSystems.length === 0 ? null : fileSystems,
  };
}

/** Seconds since 1970, of any size: a clock can be anything. */
function bootedAt(seconds: number | null): string | null {
  const date = new Date(Math.round((seconds ?? NaN) * 1000));
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
