import { randomBytes, randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Encryption, KeyStore } from '#core';
import { openDataSource } from '../../apps/api/src/database/data-source.js';
import { AuditChain } from '../../libs/audit/src/audit-chain.js';
import type { NewAuditRow } from '../../libs/audit/src/audit-row.js';
import { AuditVerifier } from '../../libs/audit/src/audit-verifier.js';
import { AuditService } from '../../libs/audit/src/audit.service.js';
import { postgres } from './services.js';

/** One process of EINFRA, as far as the audit log goes. */
interface Process {
  source: DataSource;
  chain: AuditChain;
  verifier: AuditVerifier;
  stop(): Promise<void>;
}

function event(number: number, more: Partial<NewAuditRow> = {}): NewAuditRow {
  return {
    phase: 'event',
    actionId: randomUUID(),
    actorId: randomUUID(),
    actorName: `user-${number % 7}`,
    action: 'server.update',
    resourceType: 'server',
    resourceId: `s-${number}`,
    outcome: 'succeeded',
    instanceId: null,
    payload: JSON.stringify({ status: 200, detail: `number ${number} “quoted” \\ back\u0000slash` }),
    ...more,
  };
}

describe('the audit chain on PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof postgres>>;
  let admin: DataSource;
  let database: string;
  let encryption: Encryption;
  const processes: Process[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    server = await postgres();
    admin = await new DataSource({ type: 'postgres', url: server.superuserUrl }).initialize();
  });

  afterAll(async () => {
    await admin?.destroy();
    await server?.stop();
  });

  beforeEach(async () => {
    database = `audit_${randomBytes(6).toString('hex')}`;
    encryption = new Encryption([{ id: 'test', key: randomBytes(32) }]);
    await admin.query(`CREATE DATABASE ${database} OWNER "${new URL(server.url).username}"`);
  });

  afterEach(async () => {
    await Promise.all(processes.splice(0).map((process) => process.stop()));
    await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
  });

  async function start(): Promise<Process> {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    const config = { url: url.href, poolSize: 4, statementTimeoutMs: 10_000, ssl: 'disable', sslCa: null } as const;
    const source = await openDataSource(config, null, []);
    const keys = await KeyStore.open(source, encryption);
    const chain = new AuditChain(source, keys);
    await chain.open();
    const started = {
      source,
      chain,
      verifier: new AuditVerifier(source, keys, chain),
      stop: async () => (source.isInitialized ? source.destroy() : undefined),
    };
    processes.push(started);
    return started;
  }

  async function filled(rows = 20): Promise<Process> {
    const started = await start();
    await Promise.all(Array.from({ length: rows }, (_, index) => started.chain.append(event(index + 1))));
    return started;
  }

  /** What somebody with all rights in the database does, past every trigger. */
  async function byHand(sql: string): Promise<void> {
    const url = new URL(server.superuserUrl);
    url.pathname = `/${database}`;
    const superuser = await new DataSource({ type: 'postgres', url: url.href, poolSize: 1 }).initialize();
    try {
      await superuser.query('SET session_replication_role = replica');
      await superuser.query(sql);
    } finally {
      await superuser.destroy();
    }
  }

  it('verifies what was written, with a second process that has only just started', async () => {
    const { verifier } = await filled(2_500);
    expect(await verifier.verify()).toEqual({ valid: true, entries: 2_500, firstInvalid: null });
    const other = await start();
    expect(await other.verifier.verify()).toEqual({ valid: true, entries: 2_500, firstInvalid: null });
  });

  it.each([
    ['phase', `'outcome'`],
    ['entry_seq', '100'],
    ['action_id', 'gen_random_uuid()'],
    ['at', `at + interval '1 millisecond'`],
    ['at', `'infinity'`],
    ['actor_id', `'somebody else'`],
    ['actor_id', 'NULL'],
    ['actor_name', `'somebody else'`],
    ['action', `'server.read'`],
    ['resource_type', 'NULL'],
    ['resource_id', `'other'`],
    ['outcome', `'failed'`],
    ['instance_id', 'gen_random_uuid()'],
    ['payload', `replace(payload, '200', '404')`],
    ['payload', `payload || ' '`],
    ['key_id', 'gen_random_uuid()'],
    ['mac', `sha256('x')`],
  ])('finds a changed %s (%s)', async (column, value) => {
    const { verifier } = await filled();
    await byHand(`UPDATE audit_entries SET ${column} = ${value} WHERE seq = 7`);
    const { valid, firstInvalid } = await verifier.verify();
    expect([valid, firstInvalid?.seq]).toEqual([false, 7]);
  });

  it.each([
    ['the last entry edited', `UPDATE audit_entries SET actor_name = 'x' WHERE seq = 20`, 20],
    ['one removed in the middle', 'DELETE FROM audit_entries WHERE seq = 7', 7],
    ['the first removed', 'DELETE FROM audit_entries WHERE seq <= 3', 1],
    ['the last removed', 'DELETE FROM audit_entries WHERE seq = 20', 20],
    ['all removed', 'DELETE FROM audit_entries', 1],
    ['one moved', 'UPDATE audit_entries SET seq = 21 WHERE seq = 7', 7],
    [
      'one added at the end',
      `INSERT INTO audit_entries SELECT (jsonb_populate_record(e, '{"seq": 21, "entry_seq": 21}')).* FROM audit_entries e WHERE seq = 20`,
      21,
    ],
    [
      'one added before the first',
      `INSERT INTO audit_entries SELECT (jsonb_populate_record(e, '{"seq": 0, "entry_seq": 0}')).* FROM audit_entries e WHERE seq = 1`,
      0,
    ],
    [
      'two exchanged',
      'UPDATE audit_entries SET seq = CASE seq WHEN 7 THEN -8 ELSE -7 END WHERE seq IN (7, 8); UPDATE audit_entries SET seq = -seq WHERE seq < 0',
      7,
    ],
    ['the head removed', 'DELETE FROM audit_head', 21],
    ['the head named by an unknown key', 'UPDATE audit_head SET key_id = gen_random_uuid()', 21],
    [
      'the last removed and the head set back by hand',
      `DELETE FROM audit_entries WHERE seq > 18;
       UPDATE audit_head SET (seq, mac, at) = (SELECT seq, mac, at FROM audit_entries WHERE seq = 18)`,
      19,
    ],
    [
      'the first removed and the base of the head moved',
      `UPDATE audit_head SET (base_seq, base_mac) = (SELECT seq, mac FROM audit_entries WHERE seq = 3);
       DELETE FROM audit_entries WHERE seq <= 3`,
      1,
    ],
  ])('finds %s, and still does when more was written since', async (_, sql, seq) => {
    await (await filled()).stop();
    await byHand(sql);
    // a process that has seen nothing of what was before
    const fresh = await start();
    expect((await fresh.verifier.verify()).firstInvalid?.seq).toBe(seq);
    await fresh.chain.append(event(99));
    const after = (await fresh.verifier.verify()).firstInvalid?.seq;
    expect(after).toBeDefined();
    expect(after).toBeLessThanOrEqual(Math.max(seq, 21));
  });

  it('notices, while it runs, that an earlier state was put back with its own head', async () => {
    const { chain, verifier } = await filled(10);
    const watcher = await start();
    await byHand('CREATE TABLE old_head AS TABLE audit_head');
    await Promise.all([11, 12, 13].map((number) => chain.append(event(number))));
    await byHand(
      `DELETE FROM audit_entries WHERE seq > 10; DELETE FROM audit_head; INSERT INTO audit_head TABLE old_head`,
    );
    expect(await verifier.verify()).toMatchObject({ valid: false, firstInvalid: { seq: 11 } });
    await chain.append(event(14));
    // the finding is in the log now: everybody sees it
    expect(await watcher.verifier.verify()).toMatchObject({ valid: false, firstInvalid: { seq: 11 } });
  });

  it('refuses changes and removal, except to retention', async () => {
    const { source } = await filled(3);
    await expect(source.query(`UPDATE audit_entries SET action = 'x'`)).rejects.toThrow(/append-only/);
    await expect(source.query('TRUNCATE audit_entries')).rejects.toThrow(/append-only/);
    await expect(source.query('DELETE FROM audit_entries')).rejects.toThrow(/append-only/);
    await expect(source.query('DELETE FROM audit_head')).rejects.toThrow(/append-only/);
    await expect(source.query('TRUNCATE audit_head')).rejects.toThrow(/append-only/);
    await source.transaction(async (manager) => {
      await manager.query(`SET LOCAL einfra.audit_retention = 'on'`);
      await expect(manager.query('DELETE FROM audit_entries WHERE seq = 1')).resolves.toBeDefined();
    });
    await expect(source.query('DELETE FROM audit_entries')).rejects.toThrow(/append-only/);
  });

  it('stays gap-free and in order when two processes write at once', async () => {
    const [one, two] = [await start(), await start()];
    const writes = Array.from({ length: 1_000 }, (_, index) => (index % 2 ? one : two).chain.append(event(index)));
    const written = (await Promise.all(writes)).map(({ seq }) => seq);
    expect([...written].sort((left, right) => left - right)).toEqual(
      Array.from({ length: 1_000 }, (_, index) => index + 1),
    );
    expect(await one.verifier.verify()).toEqual({ valid: true, entries: 1_000, firstInvalid: null });
    const [disorder] = await one.source.query<{ count: string }[]>(
      'SELECT count(*) FROM (SELECT at < lag(at) OVER (ORDER BY seq) AS back FROM audit_entries) t WHERE back',
    );
    expect(Number(disorder?.count)).toBe(0);
  });

  it('says that it can’t write, and goes on when it can again', async () => {
    const { chain, verifier } = await filled(3);
    await byHand('ALTER TABLE audit_entries RENAME TO audit_elsewhere');
    const refused = await Promise.allSettled([4, 5].map((number) => chain.append(event(number))));
    for (const { status, ...rest } of refused) {
      expect(status).toBe('rejected');
      expect((rest as PromiseRejectedResult).reason).toMatchObject({ status: 503, code: 'audit_unavailable' });
    }
    await byHand('ALTER TABLE audit_elsewhere RENAME TO audit_entries');
    expect((await chain.append(event(6))).seq).toBe(4);
    expect((await verifier.verify()).valid).toBe(true);
  });

  it('is not held up for long by a process that froze while appending', async () => {
    const { chain, source } = await filled(3);
    const frozen = source.createQueryRunner();
    await frozen.startTransaction();
    await frozen.query('SELECT 1 FROM audit_head FOR UPDATE');
    const waiting = await Promise.allSettled([chain.append(event(4))]);
    expect(waiting[0]).toMatchObject({ status: 'rejected', reason: { status: 503 } });
    await frozen.rollbackTransaction();
    await frozen.release();
    expect((await chain.append(event(5))).seq).toBe(4);
  });

  it('pages through finished and open entries without gap or repetition', async () => {
    const { source, chain } = await start();
    const service = new AuditService(source);
    for (let index = 0; index < 30; index++) {
      const actionId = randomUUID();
      const intent = await chain.append(
        event(index, { phase: 'intent', actionId, outcome: null, instanceId: randomUUID() }),
      );
      const outcome = index % 2 ? 'succeeded' : 'failed';
      if (index % 3) await chain.append(event(index, { phase: 'outcome', actionId, entrySeq: intent.seq, outcome }));
    }
    const seen: number[] = [];
    const outcomes: string[] = [];
    for (let cursor: string | undefined | null; cursor !== null;) {
      const page = await service.list({ limit: 7, cursor });
      seen.push(...page.items.map(({ seq }) => seq));
      outcomes.push(...page.items.map(({ outcome }) => outcome));
      cursor = page.nextCursor;
    }
    expect(seen).toHaveLength(30);
    expect(seen).toEqual([...new Set(seen)].sort((left, right) => right - left));
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(10);
    const failed = await service.list({ limit: 100, outcome: ['failed', 'unknown'] });
    expect(failed.items).toHaveLength(20);
    expect((await service.list({ limit: 100, outcome: ['pending'] })).items).toEqual([]);
  });
});
