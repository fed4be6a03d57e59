import { clean, isCounted, NOT_A_DRIVE, quantity } from '../node-exporter-devices.js';
import type { Sample } from '../prometheus-text.js';
import type { DiskFact, InterfaceFact } from './machine-facts.js';
import { virtualisationOf } from './virtualisation.js';

/** What a source knows of a machine besides the figures that it is measured by. */
export interface MachineDetails {
  hostname: string | null;
  cpuModel: string | null;
  virtualisation: string | null;
  /** Null: the source doesn't tell. */
  disks: DiskFact[] | null;
  interfaces: InterfaceFact[] | null;
}

/** More than machines have, few enough to be stored. */
const MAX_LISTED = 200;

/** What this file reads. */
export const DETAIL_METRICS = [
  'node_uname_info',
  'node_cpu_info',
  'node_dmi_info',
  'node_disk_info',
  'node_network_info',
  'node_network_mtu_bytes',
  'node_network_speed_bytes',
  'node_network_address_info',
];

/** Details from the `…_info` metrics; which of them there are depends on the exporter's version and collectors. */
export function readDetails(samples: readonly Sample[]): MachineDetails {
  const labelsOf = (metric: string): Record<string, string>[] =>
    samples.filter(({ name }) => name === metric).map(({ labels }) => labels);
  const dmi = labelsOf('node_dmi_info')[0];
  return {
    hostname: clean(labelsOf('node_uname_info')[0]?.nodename ?? '') || null,
    cpuModel: clean(labelsOf('node_cpu_info')[0]?.model_name ?? '') || null,
    virtualisation: dmi
      ? virtualisationOf({
          vendor: dmi.system_vendor ?? '',
          product: dmi.product_name ?? '',
          bios: dmi.bios_vendor ?? '',
        })
      : null,
    disks: readDisks(labelsOf('node_disk_info')),
    interfaces: readInterfaceFacts(samples),
  };
}

function readDisks(found: Record<string, string>[]): DiskFact[] | null {
  if (found.length === 0) return null;
  return found
    .map(({ device = '', model = '' }) => ({ name: clean(device), model: clean(model) || null, sizeBytes: null }))
    .filter(({ name }) => name !== '' && !NOT_A_DRIVE.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, MAX_LISTED);
}

function readInterfaceFacts(samples: readonly Sample[]): InterfaceFact[] | null {
  const interfaces = new Map<string, InterfaceFact>();
  for (const { name, labels, value } of samples) {
    if (!name.startsWith('node_network_')) continue;
    const device = clean(labels.device ?? '');
    if (device === '' || !isCounted(device)) continue;
    const fact = interfaces.get(device) ?? noInterface(device);
    interfaces.set(device, fact);
    if (name === 'node_network_info') fact.macAddress = macAddress(labels.address);
    if (name === 'node_network_mtu_bytes') fact.mtu = quantity(value);
    // an interface without a link says -1 or 0
    if (name === 'node_network_speed_bytes') fact.speedBitsPerSecond = quantity(value * 8) || null;
    if (name === 'node_network_address_info')
      fact.addresses.push(`${clean(labels.address ?? '')}/${clean(labels.netmask ?? '')}`);
  }
  if (interfaces.size === 0) return null;
  const sorted = [...interfaces.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_LISTED);
  for (const { addresses } of sorted) addresses.sort().splice(MAX_LISTED);
  return sorted;
}

function noInterface(name: string): InterfaceFact {
  return { name, macAddress: null, mtu: null, speedBitsPerSecond: null, addresses: [] };
}

function macAddress(text = ''): string | null {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5,19}$/i.test(text) ? text.toLowerCase() : null;
}
