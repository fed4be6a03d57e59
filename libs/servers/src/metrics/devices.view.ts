/** How full a local file system is. */
export class FileSystemUsageView {
  /** @example "/" */
  mountpoint!: string;
  /** @example "/dev/sda1" */
  device!: string | null;
  /** @example "ext4" */
  type!: string;
  totalBytes!: number;
  usedBytes!: number;
  /** What is free for everybody but root. */
  availableBytes!: number;
  /** As df counts: without what is reserved for root. */
  usedPercent!: number | null;
  inodesUsedPercent!: number | null;
  readOnly!: boolean;
}

/** What a disk does. Null: it can't be known (rates need two readings). */
export class DiskUsageView {
  /** @example "sda" */
  device!: string;
  readBytesPerSecond!: number | null;
  writtenBytesPerSecond!: number | null;
  /** Share of the time in which it had something to do. */
  busyPercent!: number | null;
}

/** What goes through an interface. */
export class InterfaceUsageView {
  /** @example "eth0" */
  device!: string;
  receiveBytesPerSecond!: number | null;
  transmitBytesPerSecond!: number | null;
}

/** Each file system, disk and interface of a server at the latest reading. */
export class DevicesView {
  at!: string;
  fileSystems!: FileSystemUsageView[];
  disks!: DiskUsageView[];
  interfaces!: InterfaceUsageView[];
}
