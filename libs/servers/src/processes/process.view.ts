/** A process of a server. */
export class ProcessView {
  pid!: number;
  parentPid!: number;
  /** Its owner; the number when it has no name. */
  user!: string | null;
  /**
   * Name of the program. Its arguments are not shown: they can hold secrets.
   * @example "nginx"
   */
  command!: string;
  /**
   * As the kernel says: R runs, S sleeps, D waits for a disk, Z is over, T is stopped, I is idle.
   * @example "S"
   */
  state!: string;
  threads!: number;
  /** Over the second of the reading; 100 is one processor. Null for one that has just begun. */
  cpuPercent!: number | null;
  /** Resident. */
  memoryBytes!: number;
  memoryPercent!: number | null;
  startedAt!: string | null;
}
