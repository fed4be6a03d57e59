import { Injectable, RequestMethod, type OnApplicationBootstrap } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { ROUTE_ACCESS, type RouteAccess } from './allow.decorator.js';

/** One route as it is declared in a controller; `path` is without the global prefix. */
export interface DeclaredRoute {
  method: string;
  path: string;
  handler: string;
  access: RouteAccess;
}

/** Every route with how it is guarded. A route that declares nothing, or a mutation without an audited action, stops the start. */
@Injectable()
export class RouteCatalogue implements OnApplicationBootstrap {
  private declared: DeclaredRoute[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onApplicationBootstrap(): void {
    this.declared = this.discovery.getControllers().flatMap(({ instance, metatype }) => {
      if (!instance || !metatype) return [];
      const prefixes = asList(this.reflector.get<string | string[]>(PATH_METADATA, metatype));
      const prototype = Object.getPrototypeOf(instance) as object;
      return this.scanner
        .getAllMethodNames(prototype)
        .flatMap((name) => this.routesOf(prototype, name, metatype.name, prefixes));
    });
  }

  /** All routes in the order of their declaration. */
  routes(): readonly DeclaredRoute[] {
    return this.declared;
  }

  private routesOf(prototype: object, name: string, controller: string, prefixes: string[]): DeclaredRoute[] {
    const handler = (prototype as Record<string, unknown>)[name] as () => unknown;
    const paths = this.reflector.get<string | string[] | undefined>(PATH_METADATA, handler);
    if (paths === undefined) return [];
    const method = RequestMethod[this.reflector.get<RequestMethod>(METHOD_METADATA, handler)];
    const access = this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, handler);
    const where = `${controller}.${name}`;
    if (!access) throw new Error(`${where} declares no access: use @Allow, @SignedIn or @Public`);
    const isTelemetry = access.kind === 'permission' && access.telemetry;
    if (!access.action && !isTelemetry && method !== 'GET' && method !== 'HEAD')
      throw new Error(`${where} changes something and names no audited action`);
    return prefixes.flatMap((prefix) =>
      asList(paths).map((path) => ({ method, path: join(prefix, path), handler: where, access })),
    );
  }
}

function asList(value: string | string[] | undefined): string[] {
  return Array.isArray(value) ? value : [value ?? ''];
}

function join(prefix: string, path: string): string {
  return `/${[prefix, path]
    .map((part) => part.replace(/^\/+|\/+$/g, ''))
    .filter(Boolean)
    .join('/')}`;
}
