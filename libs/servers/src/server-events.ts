import type { NewEvent, SystemStatus } from '#core';

/** What events say of the server that they are about. */
export interface ServerRef {
  id: string;
  name: string;
  environment: string | null;
}

/** Types of the events that servers cause. */
export type ServerEventType =
  'server.created' | 'server.updated' | 'server.deleted' | 'server.status.changed' | 'server.facts.changed';

/** An event about a server, for whoever may see it. */
export function serverEvent(type: ServerEventType, { id, name, environment }: ServerRef, data: object): NewEvent {
  return {
    type,
    target: { kind: 'server', id, environment },
    permission: 'servers:read',
    resource: { type: 'server', id, name },
    data,
  };
}

/** A server has another status than before. */
export function statusChanged(
  server: ServerRef,
  from: SystemStatus,
  { status, reason }: { status: SystemStatus; reason: string | null },
): NewEvent {
  return serverEvent('server.status.changed', server, { from, to: status, reason });
}
