import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import {
  DatabaseUnavailable,
  type OperationRun,
  Operations,
  type OperationView,
  RunAborted,
  Schedules,
  UpstreamError,
} from '#core';
import { AuditRetention } from '../libs/audit/src/audit-retention.js';
import { startApp, type TestApp } from './harness.js';

const SECRET = 'a-secret-that-nobody-sees';
const IN_LAB = { permission: 'servers:write', target: { kind: 'server', environment: 'lab' } } as const;

/** What `look` answers, once it answers something; fails after 15 s. */
async function until(look: () => Promise<any>): Promise<any> {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found: unknown = await look();
    if (found !== null) return found;
  }
  throw new Error('it did not come');
}

/** Handlers of the tests wait for this to be let go. */
class Gate {
  open: () => void = () => undefined;
  readonly passed = new Promise<void>((resolve) => (this.open = resolve));
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });

describe('operations', () => {
  let app: TestApp;
  let gate: Gate;
  const runs: OperationRun[] = [];

  beforeAll(async () => {
    app = await startApp();
    const operations = app.app.get(Operations);
    operations.handle('test.work', async (run) => {
      runs.push(run);
      run.progress(25);
      run.log('half the work, with ' + (run.input as { password: string }).password);
      await gate.passed;
      run.log('done');
      return { count: 3, echo: run.input };
    });
    operations.handle('test.fail', () => {
      throw new UpstreamError({ kind: 'server', name: 'web-1' }, 'It said no.');
    });
    operations.handle('test.unlucky', ({ attempt }) => {
      if (attempt < 3) throw new DatabaseUnavailable();
      return Promise.resolve('done at last');
    });
    operations.handle('test.crash', () => Promise.reject(new Error(`internal ${SECRET}`)));
    operations.handle('test.wait', ({ signal }) => untilAborted(signal));
    operations.handle('test.stubborn', async () => {
      await gate.passed;
      return 'done all the same';
    });
    operations.handle('test.chatty', async (run) => {
      for (let line = 0; line < 1_500; line++) run.log(`${line} ${'ü'.repeat(2_000)}`);
    });
  });

  beforeEach(() => {
    gate = new Gate();
  });

  afterAll(() => app.close());

  const start = (type: string, input: unknown = {}, more: object = {}): Promise<OperationView> => {
    const request = { type, input, ...IN_LAB, resource: { type: 'server', name: 'web-1' }, ...more };
    return app.app.get(DataSource).transaction((manager) => app.app.get(Operations).start(manager, request as never));
  };
  const read = async (id: string, token?: string): Promise<any> =>
    (await app.get(`/api/operations/${id}`, { token })).body;
  const reaches = (id: string, state: string): Promise<any> =>
    until(async () => {
      const operation = await read(id);
      return operation.state === state ? operation : null;
    });
  const finishEntry = (id: string): Promise<any> =>
    until(async () => {
      const { items } = (await app.get('/api/audit?action=test.*')).body;
      return items.find(({ detail }: { detail: string }) => detail.includes(id)) ?? null;
    });

  it('runs, shows how far it is, and ends with its result; its secrets stay where they are', async () => {
    const { id, state, progress } = await start('test.work', { name: 'web', password: SECRET });
    expect({ state, progress }).toEqual({ state: 'queued', progress: null });
    await until(async () => ((await read(id)).progress === 25 ? true : null));
    gate.open();
    const ended = await reaches(id, 'succeeded');
    expect(ended).toMatchObject({ progress: 100, problem: null, attempt: 1, startedBy: null, retryOf: null });
    expect(ended.result).toEqual({ count: 3, echo: { name: 'web', password: '[redacted]' } });
    expect(Date.parse(ended.finishedAt)).toBeGreaterThanOrEqual(Date.parse(ended.startedAt));
    const { items, nextCursor } = (await app.get(`/api/operations/${id}/log`)).body;
    expect(items.map(({ seq, line }: any) => [seq, line])).toEqual([
      [1, 'half the work, with [redacted]'],
      [2, 'done'],
    ]);
    expect(nextCursor).toBeNull();
    const [row] = await app.app.get(DataSource).query('SELECT * FROM operations WHERE id = $1', [id]);
    expect(JSON.stringify(row)).not.toContain(SECRET);
    expect(row.sealed_input).toBeNull();
    expect(await finishEntry(id)).toMatchObject({
      action: 'test.work.finish',
      outcome: 'succeeded',
      actor: { name: 'system' },
      resource: { type: 'server', name: 'web-1' },
    });
  });

  it('is part of the transaction that starts it', async () => {
    const source = app.app.get(DataSource);
    let id = '';
    await expect(
      source.transaction(async (manager) => {
        const request = { type: 'test.fail', input: {}, ...IN_LAB, resource: { type: 'server' } };
        id = (await app.app.get(Operations).start(manager, request)).id;
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    expect((await app.get(`/api/operations/${id}`)).status).toBe(404);
    expect(await source.query('SELECT 1 FROM pgboss.job WHERE id = $1', [id])).toEqual([]);
  });

  it('says what failed as a problem, and nothing of what nobody expected', async () => {
    const [known, unknown] = [await start('test.fail'), await start('test.crash')];
    expect(await reaches(known.id, 'failed')).toMatchObject({
      result: null,
      problem: {
        type: 'urn:einfra:problem:upstream_error',
        status: 502,
        code: 'upstream_error',
        detail: 'It said no.',
        system: { kind: 'server', name: 'web-1' },
      },
    });
    const crashed = await reaches(unknown.id, 'failed');
    expect(crashed.problem).toMatchObject({ status: 500, code: 'internal_error' });
    expect(JSON.stringify(crashed)).not.toContain(SECRET);
    expect(await finishEntry(known.id)).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('upstream_error'),
    });
  });

  it('begins anew what lost the database in the middle', async () => {
    const { id } = await start('test.unlucky');
    expect(await reaches(id, 'succeeded')).toMatchObject({ attempt: 3, result: 'done at last', problem: null });
  });

  it('repeats what failed as a new operation of the caller, and only that', async () => {
    const failed = await start('test.fail');
    await reaches(failed.id, 'failed');
    const again = await app.post(`/api/operations/${failed.id}/retry`);
    expect(again.status).toBe(202);
    expect(again.headers['location']).toBe(`/api/operations/${again.body.id}`);
    expect(again.body).toMatchObject({ state: 'queued', retryOf: failed.id, startedBy: { name: 'admin' } });
    await reaches(again.body.id, 'failed');
    expect(await finishEntry(again.body.id)).toMatchObject({ actor: { name: 'admin' } });
    gate.open();
    const done = await start('test.work', { password: SECRET });
    await reaches(done.id, 'succeeded');
    expect((await app.post(`/api/operations/${done.id}/retry`)).status).toBe(409);
  });

  it('tells a running handler that it should end, within two seconds', async () => {
    const { id } = await start('test.wait');
    await reaches(id, 'running');
    const asked = Date.now();
    const answer = await app.post(`/api/operations/${id}/cancel`);
    expect(answer.status).toBe(202);
    expect(answer.body.cancelRequestedAt).not.toBeNull();
    await reaches(id, 'cancelled');
    expect(Date.now() - asked).toBeLessThan(2_500);
    expect(await finishEntry(id)).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('cancelled while it ran'),
    });
    expect((await app.post(`/api/operations/${id}/cancel`)).body.state).toBe('cancelled');
  });

  it('lets a handler that does not listen end as it says', async () => {
    const { id } = await start('test.stubborn');
    await reaches(id, 'running');
    await app.post(`/api/operations/${id}/cancel`);
    gate.open();
    expect(await reaches(id, 'succeeded')).toMatchObject({ result: 'done all the same' });
  });

  it('cancels what waits at once, and what a removed system has under way', async () => {
    const source = app.app.get(DataSource);
    // all slots taken
    const busy = await Promise.all(Array.from({ length: 8 }, () => start('test.wait')));
    for (const { id } of busy) await reaches(id, 'running');
    const waiting = await start('test.wait');
    expect((await app.post(`/api/operations/${waiting.id}/cancel`)).body).toMatchObject({
      state: 'cancelled',
      attempt: 0,
    });
    expect(await source.query('SELECT 1 FROM pgboss.job WHERE id = $1', [waiting.id])).toEqual([]);
    const systemId = '3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11';
    const target = { kind: 'server', id: systemId };
    const onSystem = await start('test.wait', {}, { target });
    await source.transaction((manager) => app.app.get(Operations).cancelForSystem(manager, 'server', systemId));
    expect((await read(onSystem.id)).state).toBe('cancelled');
    for (const { id } of busy) await app.post(`/api/operations/${id}/cancel`);
    for (const { id } of busy) await reaches(id, 'cancelled');
    const running = await start('test.wait', {}, { target });
    await reaches(running.id, 'running');
    await source.transaction((manager) => app.app.get(Operations).cancelForSystem(manager, 'server', systemId));
    await reaches(running.id, 'cancelled');
  });

  it('keeps the first thousand lines, cut to two kilobytes', async () => {
    const { id } = await start('test.chatty');
    await reaches(id, 'succeeded');
    const first = (await app.get(`/api/operations/${id}/log`)).body;
    expect(first.items).toHaveLength(1_000);
    expect(first.nextCursor).toBe('1000');
    for (const { line } of first.items) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(2_048);
    const rest = (await app.get(`/api/operations/${id}/log?cursor=1000`)).body;
    expect(rest.items.map(({ line }: any) => line)).toEqual(['There were more lines; they were not kept.']);
  });

  it('shows each caller what they started or could have started', async () => {
    const lab = await app.user('lab-operator', 'operator', { type: 'environment', name: 'lab' });
    const viewer = await app.user('lab-viewer', 'viewer', { type: 'environment', name: 'lab' });
    const other = await app.user('other-operator', 'operator', { type: 'environment', name: 'production' });
    const auditor = await app.user('auditing', 'auditor');
    const { id } = await start('test.fail');
    await reaches(id, 'failed');
    const listed = async (token: string): Promise<boolean> => {
      const { items } = (await app.get('/api/operations?limit=100', { token })).body;
      return items.some((item: { id: string }) => item.id === id);
    };
    const statuses = async (token: string): Promise<number[]> => [
      (await app.get(`/api/operations/${id}`, { token })).status,
      (await app.get(`/api/operations/${id}/log`, { token })).status,
      (await app.post(`/api/operations/${id}/cancel`, undefined, { token })).status,
    ];
    expect([await listed(lab.token), await statuses(lab.token)]).toEqual([true, [200, 200, 202]]);
    expect([await listed(auditor.token), await statuses(auditor.token)]).toEqual([true, [200, 200, 403]]);
    for (const { token } of [viewer, other])
      expect([await listed(token), await statuses(token)]).toEqual([false, [404, 404, 404]]);
    // the starter sees it wherever it is, but may repeat it only with the right to start it
    await app.app.get(DataSource).query('UPDATE operations SET started_by_id = $1 WHERE id = $2', [other.id, id]);
    expect([await listed(other.token), await statuses(other.token)]).toEqual([true, [200, 200, 202]]);
    expect((await app.post(`/api/operations/${id}/retry`, undefined, { token: other.token })).status).toBe(403);
  });

  it('lists newest first, by stretches, with filters', async () => {
    const first = (await app.get('/api/operations?limit=3')).body;
    expect(first.items).toHaveLength(3);
    const second = (await app.get(`/api/operations?limit=3&cursor=${first.nextCursor}`)).body;
    const times = [...first.items, ...second.items].map(({ createdAt }: any) => createdAt);
    expect(times).toEqual([...times].sort().reverse());
    expect(new Set([...first.items, ...second.items].map(({ id }: any) => id)).size).toBe(6);
    const { items } = (await app.get('/api/operations?type=test.fail&state=failed')).body;
    expect(items.length).toBeGreaterThan(0);
    for (const item of items) expect(item).toMatchObject({ type: 'test.fail', state: 'failed' });
    expect((await app.get('/api/operations?cursor=nonsense')).status).toBe(400);
    expect((await app.get('/api/operations?state=tired')).status).toBe(400);
  });

  it('is followed as events, and after a break from where one was', async () => {
    await app.app.listen(0, '127.0.0.1');
    const { port } = app.app.getHttpServer().address() as AddressInfo;
    const { id } = await start('test.work', { password: SECRET });
    const follow = (headers: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/api/operations/${id}/events`, {
        headers: { authorization: `Bearer ${app.adminToken}`, ...headers },
      });
    const stream = await follow({});
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    await until(async () => ((await read(id)).progress === 25 ? true : null));
    setTimeout(() => gate.open(), 700);
    // the stream ends with the operation
    const text = await stream.text();
    const events = text
      .split('\n\n')
      .filter((part) => part.includes('data:'))
      .map((part) => ({
        id: /^id: (.*)$/m.exec(part)?.[1],
        event: /^event: (.*)$/m.exec(part)?.[1],
        data: JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? 'null'),
      }));
    expect(events.filter(({ event }) => event === 'log').map(({ id: seq, data }) => [seq, data.line])).toEqual([
      ['1', 'half the work, with [redacted]'],
      ['2', 'done'],
    ]);
    const states = events.filter(({ event }) => event === 'operation').map(({ data }) => [data.state, data.progress]);
    expect(states).toContainEqual(['running', 25]);
    expect(states.at(-1)).toEqual(['succeeded', 100]);
    const rest = await (await follow({ 'last-event-id': '1' })).text();
    expect(rest).not.toContain('half the work');
    expect(rest).toContain('"line":"done"');
  });

  it('is found again by upkeep: lost ones fail, unrecorded ends are recorded, old ones go', async () => {
    const source = app.app.get(DataSource);
    const ended = (await start('test.fail')).id;
    await reaches(ended, 'failed');
    await finishEntry(ended);
    const lost = '11111111-2222-4333-8444-555555555555';
    await source.query(
      `INSERT INTO operations (id, type, permission, resource_type, created_at) VALUES ($1, 'test.gone', 'servers:write', 'server', now() - interval '2 minutes')`,
      [lost],
    );
    await source.query(
      `UPDATE operations SET end_recorded = false, finished_at = now() - interval '31 days' WHERE id = $1`,
      [ended],
    );
    expect((await app.post('/api/schedules/operations.upkeep/run')).status).toBe(202);
    expect(await reaches(lost, 'failed')).toMatchObject({ problem: { code: 'operation_lost' } });
    await until(async () => ((await app.get(`/api/operations/${ended}`)).status === 404 ? true : null));
    const entries = (await app.get('/api/audit?action=test.fail.finish&limit=100')).body.items;
    expect(entries.filter(({ detail }: any) => detail.includes(ended))).toHaveLength(2);
  });

  it('ran every handler with a signal of its own, unaborted', () => {
    expect(runs.length).toBeGreaterThan(2);
    for (const { signal } of runs) expect(signal.aborted).toBe(false);
  });
});

describe('operations over a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'einfra-ops-'));
  const environment = { ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}` };

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('begin anew on the same data, which the handler is told', async () => {
    const first = await startApp(environment, { dataDir: directory });
    const reasons: unknown[] = [];
    first.app.get(Operations).handle('test.long', async ({ signal }) => {
      try {
        await untilAborted(signal);
      } catch (error) {
        reasons.push((error as RunAborted).reason);
        throw error;
      }
    });
    const request = { type: 'test.long', input: { step: 1 }, ...IN_LAB, resource: { type: 'server' } };
    const { id } = await first.app
      .get(DataSource)
      .transaction((manager) => first.app.get(Operations).start(manager, request as never));
    await until(async () => ((await first.get(`/api/operations/${id}`)).body.state === 'running' ? true : null));
    await first.close();
    expect(reasons).toEqual(['shutdown']);
    const second = await startApp(environment, { dataDir: directory });
    try {
      const attempts: number[] = [];
      second.app.get(Operations).handle('test.long', async ({ attempt, input }) => {
        attempts.push(attempt);
        return input;
      });
      const ended = await until(async () => {
        const { body } = await second.get(`/api/operations/${id}`);
        return body.state === 'succeeded' ? body : null;
      });
      expect(ended).toMatchObject({ attempt: 2, result: { step: 1 } });
      expect(attempts).toEqual([2]);
    } finally {
      await second.close();
    }
  });
});

describe('schedules', () => {
  let app: TestApp;
  const counts = { quick: 0, slow: 0, failing: 0 };

  beforeAll(async () => {
    app = await startApp();
    const schedules = app.app.get(Schedules);
    const every = { everySeconds: 1, jitterSeconds: 0 };
    schedules.define({ name: 'test.quick', description: 'counts', ...every, run: async () => void counts.quick++ });
    schedules.define({
      name: 'test.daily',
      description: 'at night',
      cron: '30 3 * * *',
      jitterSeconds: 0,
      run: async () => void counts.slow++,
    });
    schedules.define({
      name: 'test.failing',
      description: 'fails',
      ...every,
      run: () => Promise.reject(new Error(SECRET)),
    });
  });

  afterAll(() => app.close());

  const read = async (name: string): Promise<any> => (await app.get(`/api/schedules/${name}`)).body;

  it('run again and again, and show when', async () => {
    await until(() => Promise.resolve(counts.quick >= 2 ? true : null));
    const shown = await until(async () => {
      const schedule = await read('test.quick');
      return schedule.lastOutcome ? schedule : null;
    });
    expect(shown).toMatchObject({ rule: 'every 1 s', lastOutcome: 'succeeded', lastError: null });
    expect(Date.parse(shown.nextRunAt)).toBeGreaterThan(Date.parse(shown.lastRunAt));
    const daily = await read('test.daily');
    expect(daily).toMatchObject({ rule: '30 3 * * *', lastRunAt: null, lastOutcome: null, running: false });
    expect(new Date(daily.nextRunAt).toISOString()).toMatch(/T03:30:00/);
    const { items, total } = (await app.get('/api/schedules?q=test&sort=-name')).body;
    expect([total, items.map(({ name }: any) => name)]).toEqual([3, ['test.quick', 'test.failing', 'test.daily']]);
  });

  it('show that they failed, and not what is secret', async () => {
    const failed = await until(async () => {
      const schedule = await read('test.failing');
      return schedule.lastOutcome === 'failed' ? schedule : null;
    });
    expect(failed.lastError).not.toContain(SECRET);
  });

  it('run now at the wish of an administrator, which is audited, and keep their turn', async () => {
    const { nextRunAt } = await read('test.daily');
    expect((await app.post('/api/schedules/test.daily/run')).status).toBe(202);
    await until(() => Promise.resolve(counts.slow === 1 ? true : null));
    const after = await until(async () => {
      const schedule = await read('test.daily');
      return schedule.lastOutcome ? schedule : null;
    });
    expect(after.nextRunAt).toBe(nextRunAt);
    const [entry] = (await app.get('/api/audit?action=schedule.run')).body.items;
    expect(entry).toMatchObject({
      outcome: 'succeeded',
      actor: { name: 'admin' },
      resource: { type: 'schedule', id: 'test.daily' },
    });
    const operator = await app.user('no-schedules', 'operator');
    expect((await app.get('/api/schedules', { token: operator.token })).status).toBe(403);
    expect((await app.post('/api/schedules/test.unknown/run')).status).toBe(404);
  });

  it('make up for missed turns once', async () => {
    const before = counts.slow;
    await app.app
      .get(DataSource)
      .query(
        `UPDATE schedules SET turn_at = turn_at - interval '5 days', next_run_at = next_run_at - interval '5 days' WHERE name = 'test.daily'`,
      );
    await until(() => Promise.resolve(counts.slow > before ? true : null));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(counts.slow).toBe(before + 1);
    expect(Date.parse((await read('test.daily')).nextRunAt)).toBeGreaterThan(Date.now());
  });
});

describe('audit retention', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp();
  });

  afterAll(() => app.close());

  const make = async (name: string): Promise<void> => {
    expect((await app.post('/api/servers', { name })).status).toBe(201);
  };
  const verify = async (): Promise<any> => (await app.get('/api/audit/verify')).body;

  it('removes what is old, leaves a chain that verifies, and says so in it', async () => {
    for (let index = 0; index < 5; index++) await make(`old-${index}`);
    const cutoff = new Date(Date.now() + 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await make('new-1');
    const removed = await app.app.get(AuditRetention).removeBefore(cutoff);
    expect(removed).toBeGreaterThanOrEqual(10);
    expect(await verify()).toMatchObject({ valid: true, firstInvalid: null });
    const { items } = (await app.get('/api/audit?limit=100')).body;
    expect(
      items.filter(({ action }: any) => action === 'server.create').map(({ resource }: any) => resource.name),
    ).toEqual(['new-1']);
    const checkpoint = items.find(({ action }: any) => action === 'audit.retention');
    expect(checkpoint).toMatchObject({
      outcome: 'succeeded',
      actor: { name: 'system' },
      after: { removedRows: removed },
    });
    await make('new-2');
    // everything but what says so
    await app.app.get(AuditRetention).removeBefore(new Date(Date.now() + 1_000));
    expect((await verify()).valid).toBe(true);
    await make('new-3');
    expect((await verify()).valid).toBe(true);
  });

  it('removes nothing from a log that was tampered with', async () => {
    const source = app.app.get(DataSource);
    await make('victim');
    await source.query('ALTER TABLE audit_entries DISABLE TRIGGER USER');
    await source.query(`UPDATE audit_entries SET actor_name = 'somebody else' WHERE action = 'server.create'`);
    await source.query('ALTER TABLE audit_entries ENABLE TRIGGER USER');
    const [{ count }] = await source.query('SELECT count(*)::int AS count FROM audit_entries');
    await expect(app.app.get(AuditRetention).removeBefore(new Date(Date.now() + 1_000))).rejects.toThrow(
      /does not verify/,
    );
    expect(await source.query('SELECT count(*)::int AS count FROM audit_entries')).toEqual([{ count }]);
  });
});
