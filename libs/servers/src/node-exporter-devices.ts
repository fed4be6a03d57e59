import type { Sample } from './prometheus-text.js';

/** A local file system, once for each device. Sizes in bytes. */
export interface FileSystemReading {
  /** Absent when the source doesn't say. */
  device?: string;
  mountpoint: string;
  type: string;
  size: number;
  /** Free for root; `avail` is what is free for everybody else. */
  free: number;
  avail: number;
  files: number | null;
  filesFree: number | null;
  readOnly: boolean;
}

/** Bytes counted since the machine started. */
export interface InterfaceReading {
  device: string;
  receive: number | null;
  transmit: number | null;
}

/** What a disk has done since the machine started. */
export interface DiskReading {
  device: string;
  /** Bytes. */
  read: number | null;
  written: number | null;
  /** Seconds with something to do. */
  busySeconds: number | null;
}

/** More than machines have, few enough to be stored with every reading. */
const MAX_DEVICES = 1000;

/** Prefix of the metrics of file systems. */
const FILE_SYSTEM = 'node_filesystem_';

/**
 * Not disks of this machine: what lives in memory, layers over another file system, images that are full by nature, and what another
 * machine holds (a file server would be counted once for each of its clients). `fuseblk` is a local disk, `fuse.…` is not.
 */
const NOT_A_DISK =
  /^(?:tmpfs|devtmpfs|ramfs|rootfs|overlay|overlayfs|aufs|unionfs|squashfs|erofs|cramfs|romfs|iso9660|udf|nsfs|proc|procfs|sysfs|cgroup2?|devpts|mqueue|hugetlbfs|debugfs|tracefs|securityfs|pstore|bpf|configfs|efivarfs|autofs|binfmt_misc|fusectl|selinuxfs|rpc_pipefs|nfs4?|nfsd|cifs|smbfs|smb3|ceph|glusterfs|lustre|afs|9p|virtiofs|fuse\..*)$/;

/**
 * Interfaces whose traffic is no traffic of the machine (loopback, between containers) or that ride on another one, where it is counted
 * already: bridges, bonds, VLANs, and tunnels (tun, tap, WireGuard, VXLAN, PPP), whose packets leave wrapped through a real interface.
 */
const NOT_COUNTED =
  /^(?:lo\d*|veth.*|docker.*|podman.*|br-.*|br\d+|vmbr\d+|virbr.*|vnet\d+|fwbr.*|fwpr.*|fwln.*|lxc.*|lxdbr.*|incusbr.*|cni.*|flannel.*|cali.*|cilium.*|weave.*|vxlan.*|kube-.*|nodelocaldns|ovs-.*|genev_.*|bond\d+|team\d+|vlan\d+|.*\.\d+|tunl?\d+|tap.*|wg\d+|tailscale\d+|gre.*|erspan\d+|ip6?_?vti\d+|sit\d+|ip6tnl\d+|ip6gre\d+|ppp\d+|ifb\d+|dummy\d+)$/;

/** Not disks: parts of disks, what lives in memory or in files, and what is made of other disks. */
export const NOT_A_DRIVE =
  /^(?:loop|z?ram|fd|sr|dm-|md|nbd|rbd|zd)\d+|^(?:(?:[hsv]|xv)d[a-z]+|nvme\d+n\d+p|mmcblk\d+p)\d+$/;

const DIRECTIONS = new Map<string, 'receive' | 'transmit'>([
  ['node_network_receive_bytes_total', 'receive'],
  ['node_network_transmit_bytes_total', 'transmit'],
]);

const DISK_FIELDS = new Map<string, Exclude<keyof DiskReading, 'device'>>([
  ['node_disk_read_bytes_total', 'read'],
  ['node_disk_written_bytes_total', 'written'],
  ['node_disk_io_time_seconds_total', 'busySeconds'],
]);

/** What this file reads. */
export const DEVICE_METRICS = [
  ...DISK_FIELDS.keys(),
  ...DIRECTIONS.keys(),
  ...['size_bytes', 'free_bytes', 'avail_bytes', 'files', 'files_free', 'readonly'].map((name) => FILE_SYSTEM + name),
];

/** Local file systems, one for each device. */
export function readFileSystems(samples: Sample[]): FileSystemReading[] {
  const mounts = new Map<
    string,
    { device: string; mountpoint: string; type: string; values: Record<string, number> }
  >();
  for (const { name, labels, value } of samples) {
    const { device = '', mountpoint = '', fstype = '' } = labels;
    if (!name.startsWith(FILE_SYSTEM) || NOT_A_DISK.test(fstype)) continue;
    const key = `${device}\n${mountpoint}`;
    const mount = mounts.get(key) ?? { device, mountpoint, type: fstype, values: {} };
    mount.values[name.slice(FILE_SYSTEM.length)] = value;
    mounts.set(key, mount);
  }
  const disks = new Map<string, FileSystemReading>();
  const seen = new Set<string>();
  // The shortest mount point of a device is its own; the others are bind mounts and subvolumes of the same space.
  for (const { device, mountpoint, type, values } of [...mounts.values()].sort(
    (a, b) => a.mountpoint.length - b.mountpoint.length,
  )) {
    const [size, free, avail] = [
      quantity(values.size_bytes),
      quantity(values.free_bytes),
      quantity(values.avail_bytes),
    ];
    if (!size || free === null || avail === null || free > size || seen.has(device)) continue;
    seen.add(device);
    // Data sets of a ZFS pool are devices of their own (pool/home) that share what is free.
    const disk = type === 'zfs' ? device.replace(/\/.*$/s, '') : device;
    const pool = disks.get(disk);
    if (pool) {
      addDataSet(pool, { size, free, avail });
      continue;
    }
    disks.set(disk, {
      device: clean(disk),
      mountpoint: clean(mountpoint),
      type: clean(type),
      ...{ size, free, avail },
      files: quantity(values.files),
      filesFree: quantity(values.files_free),
      readOnly: values.readonly === 1,
    });
  }
  return [...disks.values()].slice(0, MAX_DEVICES);
}

function addDataSet(
  pool: FileSystemReading,
  { size, free, avail }: { size: number; free: number; avail: number },
): void {
  const used = pool.size - pool.free + (size - free);
  pool.free = Math.max(pool.free, free);
  pool.avail = Math.max(pool.avail, avail);
  pool.size = used + pool.free;
}

/** Interfaces through which traffic enters or leaves the machine. */
export function readInterfaces(samples: Sample[]): InterfaceReading[] {
  const interfaces = new Map<string, InterfaceReading>();
  for (const { name, labels, value } of samples) {
    const direction = DIRECTIONS.get(name);
    const device = clean(labels.device ?? '');
    if (!direction || NOT_COUNTED.test(device)) continue;
    const entry = interfaces.get(device) ?? { device, receive: null, transmit: null };
    entry[direction] = quantity(value);
    interfaces.set(device, entry);
  }
  return [...interfaces.values()].slice(0, MAX_DEVICES);
}

/** Disks as wholes: what is made of them, or in memory, would be counted twice or is none. */
export function readDisks(samples: Sample[]): DiskReading[] {
  const disks = new Map<string, DiskReading>();
  for (const { name, labels, value } of samples) {
    const field = DISK_FIELDS.get(name);
    const device = clean(labels.device ?? '');
    if (!field || device === '' || NOT_A_DRIVE.test(device)) continue;
    const entry = disks.get(device) ?? { device, read: null, written: null, busySeconds: null };
    entry[field] = quantity(value);
    disks.set(device, entry);
  }
  return [...disks.values()].slice(0, MAX_DEVICES);
}

/** Whether traffic over an interface is traffic of the machine, and counted nowhere else. */
export function isCounted(device: string): boolean {
  return !NOT_COUNTED.test(device);
}

/** As df counts: `used` is what is not free for root, and the percentage leaves out what is reserved for root. */
export function sumDisks(fileSystems: FileSystemReading[]): { size: number; used: number; avail: number } | null {
  if (fileSystems.length === 0) return null;
  const sum = { size: 0, used: 0, avail: 0 };
  for (const { size, free, avail } of fileSystems) {
    sum.size += size;
    sum.used += size - free;
    sum.avail += avail;
  }
  return sum;
}

/** Text of a label without what PostgreSQL refuses (NUL) or a terminal obeys, and of bounded length. */
export function clean(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, 200)
    .toWellFormed();
}

/** A number that can be stored and counted with, else null: neither NaN, infinite, negative nor beyond what is exact. */
export function quantity(value: number | undefined): number | null {
  return value !== undefined && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : null;
}
