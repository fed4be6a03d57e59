import type { Permission } from '../access/permissions.js';
import type { TerminalSession } from './terminal-session.js';

/** A path that can be upgraded to a WebSocket. */
export interface GatewayRoute {
  /** Without the prefix `/api/`, like `servers/:id/exec`. */
  path: string;
  permission: Permission;
  /** Parameter with the id of the system that the permission must hold on. */
  scopeParam: string;
  /** Parameter with the namespace or project below the system. */
  partParam?: string;
  /** Audited as `<action>.start` and `<action>.end`, like `server.terminal`. */
  action: string;
  /**
   * Runs one session. It lasts until `session.exit`, until the client leaves or until `session.signal` is aborted, however long
   * the promise takes; a rejection ends it with the problem.
   */
  open(session: TerminalSession): Promise<void>;
}

/** A path that matched, with its parameters. */
export interface MatchedRoute {
  route: GatewayRoute;
  params: Record<string, string>;
}

const PREFIX = '/api/';

/** The registered paths. */
export class GatewayRoutes {
  private readonly routes: { route: GatewayRoute; parts: string[] }[] = [];

  add(route: GatewayRoute): void {
    this.routes.push({ route, parts: route.path.split('/') });
  }

  /** What a path without query names, or null. */
  match(path: string): MatchedRoute | null {
    if (!path.startsWith(PREFIX)) return null;
    const given = path.slice(PREFIX.length).split('/').map(decoded);
    for (const { route, parts } of this.routes) {
      const params: Record<string, string> = {};
      const isSame = parts.every((part, index) => {
        const text = given[index];
        if (!part.startsWith(':')) return part === text;
        if (text) params[part.slice(1)] = text;
        return Boolean(text);
      });
      if (isSame && parts.length === given.length) return { route, params };
    }
    return null;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
