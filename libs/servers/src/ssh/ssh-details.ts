import type { MachineDetails } from '../facts/exporter-facts.js';
import type { DiskFact, InterfaceFact } from '../facts/machine-facts.js';
import { virtualisationOf } from '../facts/virtualisation.js';
import { clean, isCounted, NOT_A_DRIVE, quantity } from '../node-exporter-devices.js';
import { first, line, type Sections, words } from './read-command.js';

/** More than machines have, few enough to be stored. */
const MAX_LISTED = 200;
const SECTOR_BYTES = 512;
const BITS_PER_MEGABIT = 1_000_000;

/** What an answer to the reading command tells of the machine besides its figures. */
export function detailsOf(sections: Sections): MachineDetails {
  return {
    hostname: clean(first(sections, 'uname')) || null,
    cpuModel: cpuModel(sections),
    virtualisation: virtualisation(sections),
    disks: disks(sections),
    interfaces: interfaces(sections),
  };
}

/** x86 says "model name", boards with ARM "Model" or "Hardware", POWER "cpu". */
function cpuModel(sections: Sections): string | null {
  for (const name of ['model name', 'Model', 'Hardware', 'cpu\t']) {
    const value = clean(line(sections, 'cpuinfo', name).split(':').slice(1).join(':'));
    if (value) return value;
  }
  return null;
}

/** systemd's word for it, or what the firmware's names mean. */
function virtualisation(sections: Sections): string | null {
  const detected = first(sections, 'virt').trim();
  if (/^[a-z][a-z0-9-]{1,30}$/.test(detected)) return detected;
  const [vendor = '', product = '', bios = ''] = (sections.get('dmi') ?? []).map((text) => text.slice(1));
  return virtualisationOf({ vendor, product, bios });
}

function disks(sections: Sections): DiskFact[] | null {
  const lines = sections.get('disks') ?? [];
  if (lines.length === 0) return null;
  return lines
    .flatMap((text) => {
      const [, name, size, model = ''] = /^(\S+) (\d*) ?(.*)$/.exec(text) ?? [];
      if (!name || name === '*' || NOT_A_DRIVE.test(name) || !Number(size)) return [];
      return [{ name: clean(name), model: clean(model) || null, sizeBytes: quantity(Number(size) * SECTOR_BYTES) }];
    })
    .slice(0, MAX_LISTED);
}

function interfaces(sections: Sections): InterfaceFact[] | null {
  const links = sections.get('links') ?? [];
  if (links.length === 0) return null;
  const addresses = new Map<string, string[]>();
  for (const text of sections.get('addresses') ?? []) {
    const [, name, address] = /^\d+:\s+(\S+?)(?:@\S+)?\s+inet6? (\S+)/.exec(text) ?? [];
    if (name && address) addresses.set(name, [...(addresses.get(name) ?? []), clean(address)]);
  }
  return links
    .flatMap((text) => {
      const [name, mac = '', mtu, speed] = words(text);
      if (!name || name === '*' || !isCounted(name)) return [];
      return [
        {
          name: clean(name),
          macAddress: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) ? mac : null,
          mtu: mtu ? quantity(Number(mtu)) : null,
          // an interface without a link says -1, or nothing
          speedBitsPerSecond: quantity(Number(speed ?? NaN) * BITS_PER_MEGABIT) || null,
          addresses: (addresses.get(name) ?? []).slice(0, MAX_LISTED),
        },
      ];
    })
    .slice(0, MAX_LISTED);
}
