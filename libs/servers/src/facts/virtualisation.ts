/** What firmware says of the machine that it runs on. */
export interface FirmwareNames {
  vendor: string;
  product: string;
  bios: string;
}

/** In this order: clouds that build on KVM name themselves too, and the more general name is what they are. */
const KNOWN: readonly [pattern: RegExp, name: string][] = [
  [/vmware/i, 'vmware'],
  [/virtualbox|innotek/i, 'virtualbox'],
  [/microsoft corporation.*virtual machine/i, 'hyper-v'],
  [/parallels/i, 'parallels'],
  [/\bxen\b|\bhvm domu\b/i, 'xen'],
  [/amazon ec2.*\.metal/i, 'none'],
  [/bhyve/i, 'bhyve'],
  [
    /kvm|qemu|amazon ec2|google compute engine|openstack|ovirt|rhev|nutanix|digitalocean|hetzner vserver|alibaba cloud|bochs|seabios/i,
    'kvm',
  ],
];

/** The hypervisor under a machine by the names in its firmware; `none` for real hardware, null when the firmware says nothing. */
export function virtualisationOf({ vendor, product, bios }: FirmwareNames): string | null {
  const names = [vendor, product, bios].join(' ').trim();
  if (names === '') return null;
  return KNOWN.find(([pattern]) => pattern.test(names))?.[1] ?? 'none';
}
