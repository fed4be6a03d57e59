/** How a command ended. */
export class ExecView {
  /** Null when a signal ended it. */
  exitCode!: number | null;
  /**
   * Name of the signal that ended it.
   * @example "KILL"
   */
  signal!: string | null;
  /** At most 1 MiB; what is not UTF-8 is replaced. */
  stdout!: string;
  stderr!: string;
  /** True: there was more output than is shown. */
  truncated!: boolean;
}

/** That a machine starts again. */
export class RebootView {
  changed!: true;
}
