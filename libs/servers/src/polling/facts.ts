import { discoverFacts, type NodeReading } from '../node-exporter-metrics.js';
import type { Server } from '../server.entity.js';

/** What a source can tell of a machine besides its metrics. */
export type Facts = Pick<Server, 'os' | 'kernel' | 'architecture' | 'cpuCores' | 'memoryBytes' | 'diskBytes'>;

/** The facts after a reading when they differ from the known ones, else null. What the source doesn't say stays as it was. */
export function newFacts(known: Facts, reading: NodeReading): Facts | null {
  const found = discoverFacts(reading);
  const facts: Facts = {
    os: found.os ?? known.os,
    kernel: found.kernel ?? known.kernel,
    architecture: found.architecture ?? known.architecture,
    cpuCores: found.cpuCores ?? known.cpuCores,
    memoryBytes: found.memoryBytes ?? known.memoryBytes,
    diskBytes: found.diskBytes ?? known.diskBytes,
  };
  return (Object.keys(facts) as (keyof Facts)[]).some((name) => facts[name] !== known[name]) ? facts : null;
}
