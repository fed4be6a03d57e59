/** State of a registered system. `maintenance` is set by people and never overwritten by a poller. */
export const SYSTEM_STATUSES = ['unknown', 'online', 'degraded', 'offline', 'maintenance'] as const;

export type SystemStatus = (typeof SYSTEM_STATUSES)[number];
