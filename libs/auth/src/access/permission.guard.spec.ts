import { Controller, Get, Module, Param, Post } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  Access,
  ALL_PERMISSIONS,
  Allow,
  type AuditEvent,
  AuditTrail,
  type Caller,
  type EffectiveGrant,
  IdParams,
  InputPipe,
  type Permission,
  ProblemFilter,
  Public,
  type RequestContext,
  runInContext,
  type Scope,
  SignedIn,
  SystemDirectory,
} from '#core';
import { CallerAccess } from './caller-access.js';
import { CheckedScopeInterceptor } from './checked-scope.interceptor.js';
import { PermissionGuard } from './permission.guard.js';

const A = '00000000-0000-4000-8000-00000000000a';
const GONE = '00000000-0000-4000-8000-00000000000f';
const SYSTEMS = new Map([[A, { id: A, name: 'a', environment: 'production' }]]);

@Controller()
class Routes {
  constructor(private readonly access: Access) {}

  @Get('public')
  @Public()
  open(): string {
    return 'open';
  }

  @Get('undeclared')
  undeclared(): string {
    return 'never';
  }

  @Get('me')
  @SignedIn()
  me(): string {
    return 'me';
  }

  @Post('password')
  @SignedIn({ action: 'password.change', duringPasswordChange: true })
  password(): string {
    return 'changed';
  }

  @Post('users')
  @Allow('users:write', { action: 'user.create' })
  users(): string {
    return 'made';
  }

  @Get('servers/:id')
  @Allow('servers:read', { scope: 'id' })
  read(@Param() { id }: IdParams): string {
    return id;
  }

  @Post('servers/:id')
  @Allow('servers:write', { scope: 'id', action: 'server.update' })
  write(@Param() { id }: IdParams): string {
    return id;
  }

  @Get('checked')
  @Allow('servers:read', { scope: 'checked' })
  checked(): unknown {
    return this.access.reach('servers:read');
  }

  @Get('refused')
  @Allow('servers:read', { scope: 'checked' })
  refused(): void {
    this.access.require('servers:read', { environment: 'nowhere' });
  }

  @Get('forgetful')
  @Allow('servers:read', { scope: 'checked' })
  forgetful(): string {
    return this.access.caller().username;
  }
}

/** Remembers what was recorded. */
class RememberingTrail extends AuditTrail {
  refusals: Omit<AuditEvent, 'outcome'>[] = [];
  override describe(): void {}
  override record(): Promise<void> {
    return Promise.resolve();
  }
  override refused(event: Omit<AuditEvent, 'outcome'>): Promise<void> {
    this.refusals.push(event);
    return Promise.resolve();
  }
}

@Module({
  controllers: [Routes],
  providers: [
    SystemDirectory,
    RememberingTrail,
    PermissionGuard,
    CheckedScopeInterceptor,
    { provide: AuditTrail, useExisting: RememberingTrail },
    { provide: Access, useClass: CallerAccess },
    { provide: APP_GUARD, useExisting: PermissionGuard },
    { provide: APP_INTERCEPTOR, useExisting: CheckedScopeInterceptor },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_PIPE, useClass: InputPipe },
  ],
})
class GuardedModule {}

describe('PermissionGuard', () => {
  let app: NestFastifyApplication;
  let trail: RememberingTrail;
  let lookUps = 0;
  let caller: Caller | undefined;
  let context: RequestContext;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [GuardedModule] }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', (request, _reply, done) => {
        context = {
          requestId: 'r',
          address: '',
          userAgent: null,
          method: request.method,
          audit: {},
          secrets: new Set(),
          accessAsked: false,
          caller,
        };
        runInContext(context, done);
      });
    app.get(SystemDirectory).register('server', {
      find: (id) => {
        lookUps++;
        return Promise.resolve(SYSTEMS.get(id) ?? null);
      },
    });
    trail = app.get(RememberingTrail);
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  });

  afterAll(() => app.close());

  beforeEach(() => {
    trail.refusals = [];
    lookUps = 0;
    caller = undefined;
  });

  function holds(...grants: EffectiveGrant[]): void {
    caller = { userId: 'u', username: 'jana', mustChangePassword: false, grants };
  }

  async function status(method: 'GET' | 'POST', url: string): Promise<number> {
    return (await app.inject({ method, url })).statusCode;
  }

  it('lets anybody call public routes, and nobody others without signing in', async () => {
    expect(await status('GET', '/public')).toBe(200);
    expect(await status('GET', '/me')).toBe(401);
    expect(await status('POST', '/users')).toBe(401);
    expect(await status('GET', '/undeclared')).toBe(401);
    expect(trail.refusals).toEqual([]);
  });

  it('opens a route without a declaration to nobody', async () => {
    holds(grant({ type: 'all' }, ALL_PERMISSIONS));
    expect(await status('GET', '/undeclared')).toBe(403);
  });

  it('demands the change of the password before anything else', async () => {
    holds(grant({ type: 'all' }, ALL_PERMISSIONS));
    caller = { ...(caller as Caller), mustChangePassword: true };
    const answer = await app.inject({ method: 'GET', url: '/me' });
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'password_change_required']);
    expect(await status('POST', '/password')).toBe(201);
  });

  it('answers 403 and records it when the right on everything is missing', async () => {
    holds(grant({ type: 'all' }, ['users:read']), grant({ type: 'environment', name: 'production' }, ['users:write']));
    const answer = await app.inject({ method: 'POST', url: '/users' });
    expect([answer.statusCode, answer.json().code, answer.json().permission]).toEqual([
      403,
      'forbidden',
      'users:write',
    ]);
    expect(trail.refusals).toEqual([
      {
        action: 'user.create',
        resource: { type: 'user', id: null },
        status: 403,
        detail: 'This needs the permission users:write.',
      },
    ]);
  });

  it('remembers the grant that allowed it', async () => {
    const held = grant({ type: 'server', id: A }, ['servers:read']);
    holds(held);
    expect(await status('GET', `/servers/${A.toUpperCase()}`)).toBe(200);
    expect(context.grant).toBe(held);
  });

  it('asks the database only when an environment decides', async () => {
    holds(grant({ type: 'server', id: A }, ['servers:read']));
    expect(await status('GET', `/servers/${A}`)).toBe(200);
    expect(lookUps).toBe(0);
    holds(grant({ type: 'environment', name: 'production' }, ['servers:read']));
    expect(await status('GET', `/servers/${A}`)).toBe(200);
    expect(lookUps).toBe(1);
  });

  it('answers 404 for what can’t be seen, 403 for what can', async () => {
    holds(grant({ type: 'environment', name: 'staging' }, ['servers:read', 'servers:write']));
    expect(await status('POST', `/servers/${A}`)).toBe(404);
    expect(await status('GET', `/servers/${A}`)).toBe(404);
    holds(grant({ type: 'all' }, ['servers:read']));
    expect(await status('POST', `/servers/${A}`)).toBe(403);
    expect(await status('POST', `/servers/${GONE}`)).toBe(404);
    // the read that was refused by scope is no event; the changes are
    expect(trail.refusals.map((refusal) => [refusal.action, refusal.resource?.id, refusal.status])).toEqual([
      ['server.update', A, 404],
      ['server.update', A, 403],
      ['server.update', GONE, 404],
    ]);
  });

  it('says of a malformed id that it is malformed, to those who could do it somewhere', async () => {
    holds(grant({ type: 'server', id: A }, ['servers:read']));
    expect(await status('GET', '/servers/1')).toBe(400);
    expect(await status('POST', '/servers/1')).toBe(403);
    expect(await status('GET', '/servers/..%2f..')).toBe(400);
  });

  it('holds API tokens to their limit', async () => {
    const owner = {
      userId: 'u',
      username: 'jana',
      mustChangePassword: false,
      grants: [grant({ type: 'all' }, ALL_PERMISSIONS)],
    };
    caller = {
      ...owner,
      limit: { permissions: new Set(['servers:read']), scope: { type: 'environment', name: 'production' } },
    };
    expect(await status('GET', `/servers/${A}`)).toBe(200);
    expect(await status('POST', `/servers/${A}`)).toBe(403);
    expect(await status('GET', `/servers/${GONE}`)).toBe(404);
    expect(await status('POST', '/users')).toBe(403);
    caller = {
      ...owner,
      limit: { permissions: new Set(ALL_PERMISSIONS), scope: { type: 'environment', name: 'staging' } },
    };
    expect(await status('GET', `/servers/${A}`)).toBe(404);
    expect(await status('POST', '/users')).toBe(403);
  });

  it('lets routes with scope "checked" pass to whoever holds the permission somewhere', async () => {
    holds();
    expect(await status('GET', '/checked')).toBe(403);
    holds(grant({ type: 'server', id: A }, ['servers:read']));
    expect((await app.inject({ method: 'GET', url: '/checked' })).json().ids).toEqual([A]);
  });

  it('fails a route that promised to check and did not', async () => {
    holds(grant({ type: 'server', id: A }, ['servers:read']));
    const answer = await app.inject({ method: 'GET', url: '/forgetful' });
    expect([answer.statusCode, answer.body.includes('jana')]).toEqual([500, false]);
  });

  it('records a read that the service refused', async () => {
    holds(grant({ type: 'server', id: A }, ['servers:read']));
    expect(await status('GET', '/refused')).toBe(403);
    expect(trail.refusals.map(({ action, status: code }) => [action, code])).toEqual([['servers:read', 403]]);
  });
});

function grant(scope: Scope, permissions: Permission[]): EffectiveGrant {
  return { grantId: 'g', role: 'r', permissions: new Set(permissions), scope };
}
