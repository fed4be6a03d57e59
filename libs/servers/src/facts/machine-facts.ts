import { isDeepStrictEqual } from 'node:util';

/** A disk of a machine, not a part of one. */
export interface DiskFact {
  name: string;
  model: string | null;
  sizeBytes: number | null;
}

/** A local file system. */
export interface FileSystemFact {
  mountpoint: string;
  device: string | null;
  type: string;
  sizeBytes: number;
  readOnly: boolean;
}

/** A network interface that carries traffic of the machine. */
export interface InterfaceFact {
  name: string;
  macAddress: string | null;
  mtu: number | null;
  speedBitsPerSecond: number | null;
  /** With the length of the prefix, like 10.0.0.12/24. */
  addresses: string[];
}

/** What a machine is. Null is "not known". */
export interface MachineFacts {
  hostname: string | null;
  os: string | null;
  kernel: string | null;
  architecture: string | null;
  cpuModel: string | null;
  cpuCores: number | null;
  memoryBytes: number | null;
  swapBytes: number | null;
  /** `kvm`, `vmware`, …; `none` on bare metal. */
  virtualisation: string | null;
  /** ISO 8601. */
  bootedAt: string | null;
  disks: DiskFact[];
  fileSystems: FileSystemFact[];
  interfaces: InterfaceFact[];
}

/** The part of the facts that a source tells; what it leaves out, or says null to, it doesn't know. */
export type FoundFacts = { [Name in keyof MachineFacts]?: MachineFacts[Name] | null };

/** A machine of which nothing is known. */
export const NO_FACTS: MachineFacts = {
  hostname: null,
  os: null,
  kernel: null,
  architecture: null,
  cpuModel: null,
  cpuCores: null,
  memoryBytes: null,
  swapBytes: null,
  virtualisation: null,
  bootedAt: null,
  disks: [],
  fileSystems: [],
  interfaces: [],
};

/** Boot times are derived from clocks that get corrected: what differs by less is the same boot. */
const BOOT_TIME_DRIFT_MS = 60_000;

/** What is known after a source has told something, and which facts that changed; null when none. */
export function mergeFacts(
  known: MachineFacts | null,
  found: FoundFacts,
): { facts: MachineFacts; changed: (keyof MachineFacts)[] } | null {
  const before = { ...NO_FACTS, ...known };
  const facts = { ...before };
  for (const name of Object.keys(NO_FACTS) as (keyof MachineFacts)[]) {
    const value = found[name];
    if (value != null && !isSameBoot(name, before, value)) Object.assign(facts, { [name]: value });
  }
  const changed = (Object.keys(facts) as (keyof MachineFacts)[]).filter(
    (name) => !isDeepStrictEqual(facts[name], before[name]),
  );
  return changed.length === 0 ? null : { facts, changed };
}

function isSameBoot(name: keyof MachineFacts, { bootedAt }: MachineFacts, value: unknown): boolean {
  if (name !== 'bootedAt' || bootedAt === null) return false;
  return Math.abs(Date.parse(bootedAt) - Date.parse(value as string)) <= BOOT_TIME_DRIFT_MS;
}
