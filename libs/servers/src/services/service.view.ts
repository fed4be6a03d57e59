/** A systemd service in a list. */
export class ListedServiceView {
  /** @example "nginx.service" */
  name!: string;
  /** @example "A high performance web server and a reverse proxy server" */
  description!: string;
  /**
   * `loaded`, `not-found`, `masked`, …
   * @example "loaded"
   */
  loadState!: string;
  /**
   * `active`, `inactive`, `failed`, …
   * @example "active"
   */
  activeState!: string;
  /** @example "running" */
  subState!: string;
  /**
   * Whether it starts with the machine: `enabled`, `disabled`, `static`, …; null when it has no file.
   * @example "enabled"
   */
  unitFileState!: string | null;
}

/** A systemd service. */
export class ServiceView extends ListedServiceView {
  mainPid!: number | null;
  /** When it became active the last time. */
  activeSince!: string | null;
  /**
   * How it ended the last time.
   * @example "success"
   */
  result!: string | null;
  /** How often systemd has started it again by itself. */
  restarts!: number | null;
  memoryBytes!: number | null;
  /** @example "/lib/systemd/system/nginx.service" */
  path!: string | null;
}

/** What an action came to. */
export class ServiceChangeView {
  /** False: it was in the wanted state already. */
  changed!: boolean;
  service!: ServiceView;
}
