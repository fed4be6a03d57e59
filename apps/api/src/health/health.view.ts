/** Result of one check. */
export class CheckView {
  /** @example "up" */
  status!: 'up' | 'down';

  /** Why it is down. */
  message?: string;
}

/** Whether this process is fit for work, check by check. */
export class HealthView {
  /** @example "ok" */
  status!: 'ok' | 'error' | 'shutting_down';

  /** Every check by its name. */
  details!: Record<string, CheckView>;
}
