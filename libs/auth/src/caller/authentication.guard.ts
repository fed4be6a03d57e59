import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import passport from 'passport';
import { type Caller, requireContext, ROUTE_ACCESS, type RouteAccess } from '#core';
import { type BearerRequest, BearerStrategy } from './bearer.strategy.js';

type Middleware = (request: BearerRequest, response: object, next: (error?: Error) => void) => void;

/**
 * Finds out who calls. Without credentials nobody does, which the permission guard judges; credentials that are wrong are
 * refused (401), except on public routes, where they don't count.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  /** Made once: what passport would otherwise prepare for each request. */
  private readonly authenticate: Middleware;

  constructor(
    private readonly reflector: Reflector,
    strategy: BearerStrategy,
  ) {
    // an authenticator of our own: passport's global one knows a single strategy of a name, whichever application made it last
    const authenticator = new passport.Authenticator();
    authenticator.use('bearer', strategy);
    const options = { session: false, assignProperty: 'user', authInfo: false };
    this.authenticate = authenticator.authenticate('bearer', options) as Middleware;
  }

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const { authorization } = execution.switchToHttp().getRequest<FastifyRequest>().headers;
    if (authorization === undefined || this.isPublic(execution)) return true;
    requireContext().caller = await this.callerOf(authorization);
    return true;
  }

  private isPublic(execution: ExecutionContext): boolean {
    return this.reflector.get<RouteAccess | undefined>(ROUTE_ACCESS, execution.getHandler())?.kind === 'public';
  }

  private callerOf(authorization: string): Promise<Caller | undefined> {
    return new Promise((resolve, reject) => {
      const request: BearerRequest = { authorization };
      this.authenticate(request, {}, (error) => (error ? reject(error) : resolve(request.user)));
    });
  }
}
