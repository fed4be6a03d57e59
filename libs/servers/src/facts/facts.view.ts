/** A disk, not a part of one. */
export class DiskFactView {
  /** @example "sda" */
  name!: string;
  model!: string | null;
  sizeBytes!: number | null;
}

/** A local file system. */
export class FileSystemFactView {
  /** @example "/" */
  mountpoint!: string;
  /** @example "/dev/sda1" */
  device!: string | null;
  /** @example "ext4" */
  type!: string;
  sizeBytes!: number;
  readOnly!: boolean;
}

/** A network interface that carries traffic of the machine; bridges, tunnels and those of containers are left out. */
export class InterfaceFactView {
  /** @example "eth0" */
  name!: string;
  /** @example "52:54:00:12:34:56" */
  macAddress!: string | null;
  mtu!: number | null;
  speedBitsPerSecond!: number | null;
  /** @example ["10.0.0.12/24"] */
  addresses!: string[];
}

/** What a machine is, as its source tells. Null, or an empty list: the source doesn't know. */
export class FactsView {
  /** Name that the machine gives itself. */
  hostname!: string | null;
  /** @example "Debian GNU/Linux 13 (trixie)" */
  os!: string | null;
  kernel!: string | null;
  architecture!: string | null;
  /** @example "AMD EPYC 7763 64-Core Processor" */
  cpuModel!: string | null;
  cpuCores!: number | null;
  memoryBytes!: number | null;
  swapBytes!: number | null;
  /**
   * The hypervisor; `none` on real hardware.
   * @example "kvm"
   */
  virtualisation!: string | null;
  bootedAt!: string | null;
  disks!: DiskFactView[];
  fileSystems!: FileSystemFactView[];
  interfaces!: InterfaceFactView[];
  /** When a fact changed last. */
  changedAt!: string;
}
