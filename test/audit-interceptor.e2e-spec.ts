import { randomBytes } from 'node:crypto';
import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  HttpCode,
  Logger,
  Module,
  Post,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { IsString } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import {
  Allow,
  AuditTrail,
  Conflict,
  CoreModule,
  Forbidden,
  InputPipe,
  Instance,
  loadConfig,
  ProblemFilter,
  Public,
  RateLimited,
  requireContext,
  type RequestContext,
  runInContext,
  Unauthenticated,
} from '#core';
import { AuthModule } from '#auth';
import { DatabaseModule } from '../apps/api/src/database/database.module.js';
import { AuditVerifier } from '../libs/audit/src/audit-verifier.js';
import { AuditInterceptor } from '../libs/audit/src/audit.interceptor.js';
import { AuditModule } from '../libs/audit/src/audit.module.js';
import { AuditService } from '../libs/audit/src/audit.service.js';
import type { AuditEntryView } from '../libs/audit/src/audit.view.js';

const USER = {
  userId: '11111111-1111-4111-8111-111111111111',
  username: 'ann',
  sessionId: 's-1',
  mustChangePassword: false,
  grants: [],
};
const GRANT = {
  grantId: 'g-1',
  role: 'operator',
  permissions: new Set<never>(),
  scope: { type: 'environment' as const, name: 'production' },
};
const SECRET = 'hunter2-hunter2';

class ThingBody {
  @IsString()
  name!: string;

  @IsString()
  password!: string;
}

let done: string[] = [];

/** Routes that end in each of the ways that an entry can end. */
@Controller()
class ThingsController {
  constructor(private readonly audit: AuditTrail) {}

  @Post('things')
  @Allow('servers:write', { action: 'thing.create' })
  create(@Body() body: ThingBody): object {
    done.push(body.name);
    const after = { name: body.name, password: body.password, note: `the password is ${body.password}` };
    this.audit.describe({ resource: { type: 'thing', id: 't-1', name: body.name }, after });
    return { id: 't-1' };
  }

  @Post('things/refused')
  @Allow('servers:write', { action: 'thing.refuse' })
  refuse(): void {
    throw new Forbidden('Not yours.');
  }

  @Post('things/conflict')
  @Allow('servers:write', { action: 'thing.conflict' })
  conflict(@Body() body: Record<string, string>): void {
    throw new Conflict(`“${body['password']}” is taken.`);
  }

  @Post('things/slow')
  @Allow('servers:write', { action: 'thing.slow' })
  async slow(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 400));
  }

  @Post('enter')
  @HttpCode(200)
  @Public({ action: 'session.create' })
  enter(@Body() { how, user }: { how: string; user?: string }): object {
    if (user) this.audit.describe({ resource: { type: 'user', id: user, name: `name of ${user}` } });
    if (how === 'limited') throw new RateLimited(1);
    if (how !== 'right') throw new Unauthenticated();
    return { token: 'given' };
  }
}

class FakeAuthentication implements CanActivate {
  canActivate(execution: ExecutionContext): boolean {
    if (execution.switchToHttp().getRequest<FastifyRequest>().url !== '/enter')
      Object.assign(requireContext(), { caller: USER, grant: GRANT });
    return true;
  }
}

describe('AuditInterceptor', () => {
  let app: NestFastifyApplication;
  let source: DataSource;

  beforeAll(async () => {
    const config = { ...loadConfig({}), encryptionKeys: [{ id: 'test', key: randomBytes(32) }] };
    @Module({
      imports: [DatabaseModule.forRoot(config, null), CoreModule.forRoot(config), AuthModule, AuditModule],
      controllers: [ThingsController],
      providers: [
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_GUARD, useClass: FakeAuthentication },
        { provide: APP_INTERCEPTOR, useExisting: AuditInterceptor },
        { provide: APP_PIPE, useClass: InputPipe },
      ],
    })
    class TestModule {}
    const built = await Test.createTestingModule({ imports: [TestModule] }).compile();
    Logger.overrideLogger(false);
    app = built.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('preValidation', (request: FastifyRequest, _reply: FastifyReply, next: () => void) => {
        runInContext(contextOf(request), next);
      });
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    source = app.get(DataSource);
  });

  afterAll(() => app?.close());

  beforeEach(() => {
    done = [];
  });

  function contextOf(request: FastifyRequest): RequestContext {
    const userAgent = String(request.headers['user-agent']);
    return {
      requestId: request.id,
      address: '192.0.2.7',
      userAgent,
      method: 'POST',
      audit: {},
      secrets: new Set(),
      accessAsked: true,
    };
  }

  async function post(url: string, payload?: object): Promise<number> {
    const answer = await app.inject({
      method: 'POST',
      url,
      payload: payload ?? {},
      headers: { 'user-agent': 'u'.repeat(1_000) },
    });
    return answer.statusCode;
  }

  async function entries(action: string): Promise<AuditEntryView[]> {
    return (await app.get(AuditService).list({ action, limit: 100 })).items;
  }

  /** Runs `work` while nothing can be written to the log. */
  async function withoutStore(work: () => Promise<void>): Promise<void> {
    await source.query('ALTER TABLE audit_entries RENAME TO audit_elsewhere');
    try {
      await work();
    } finally {
      await source.query('ALTER TABLE audit_elsewhere RENAME TO audit_entries');
    }
  }

  it('records who did what, from where, with which right and what came of it', async () => {
    expect(await post('/things', { name: 'one', password: SECRET })).toBe(201);
    const [entry] = await entries('thing.create');
    expect(entry).toMatchObject({
      actor: { id: USER.userId, name: 'ann', via: { type: 'session', id: 's-1' } },
      grant: { id: 'g-1', role: 'operator', scope: { type: 'environment', id: null, name: 'production' } },
      resource: { type: 'thing', id: 't-1', name: 'one' },
      outcome: 'succeeded',
      status: 201,
      address: '192.0.2.7',
      requestId: expect.any(String),
      durationMs: expect.any(Number),
      before: null,
      after: { name: 'one', password: '[redacted]', note: 'the password is [redacted]' },
    });
    expect(entry?.userAgent).toHaveLength(256);
  });

  it('records invalid input, conflicts and refusals of services as what they are', async () => {
    expect(await post('/things', { name: 1 })).toBe(400);
    expect((await entries('thing.create'))[0]).toMatchObject({ outcome: 'failed', status: 400, after: null });
    expect(await post('/things/conflict', { password: SECRET })).toBe(409);
    expect((await entries('thing.conflict'))[0]).toMatchObject({
      outcome: 'failed',
      status: 409,
      detail: '“[redacted]” is taken.',
    });
    expect(await post('/things/refused')).toBe(403);
    expect((await entries('thing.refuse'))[0]).toMatchObject({ outcome: 'refused', status: 403, detail: 'Not yours.' });
  });

  it('keeps no secret anywhere in the table', async () => {
    await post('/things', { name: `named ${SECRET}`, password: SECRET });
    const [found] = await source.query<{ count: string }[]>(
      'SELECT count(*) FROM audit_entries e WHERE e::text LIKE $1',
      [`%${SECRET}%`],
    );
    expect(Number(found?.count)).toBe(0);
  });

  it('does nothing that can’t be recorded', async () => {
    await withoutStore(async () => {
      expect(await post('/things', { name: 'never', password: SECRET })).toBe(503);
      expect(await post('/enter', { how: 'right', user: 'u-0' })).toBe(503);
    });
    expect(done).toEqual([]);
    expect(await post('/things', { name: 'again', password: SECRET })).toBe(201);
    expect(done).toEqual(['again']);
  });

  it('answers what was done although its outcome can’t be recorded; the entry is pending, then unknown', async () => {
    const answering = post('/things/slow');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await withoutStore(async () => expect(await answering).toBe(201));
    expect((await entries('thing.slow'))[0]).toMatchObject({ outcome: 'pending', status: null });
    await source.query(`UPDATE instances SET seen_at = now() - interval '21 seconds' WHERE id = $1`, [
      app.get(Instance).id,
    ]);
    expect((await entries('thing.slow'))[0]).toMatchObject({ outcome: 'unknown', status: null });
  });

  it('records sign-ins with one entry, and nothing for those that name nobody or are held back', async () => {
    expect(await post('/enter', { how: 'right', user: 'u-1' })).toBe(200);
    expect(await post('/enter', { how: 'wrong', user: 'u-2' })).toBe(401);
    expect(await post('/enter', { how: 'wrong' })).toBe(401);
    expect(await post('/enter', { how: 'limited', user: 'u-3' })).toBe(429);
    const found = (await entries('session.create')).map(({ actor, outcome, status }) => [actor?.id, outcome, status]);
    expect(found).toEqual([
      ['u-2', 'failed', 401],
      ['u-1', 'succeeded', 200],
    ]);
  });

  it('leaves a chain that verifies', async () => {
    expect(await app.get(AuditVerifier).verify()).toMatchObject({ valid: true, firstInvalid: null });
  });
});
