import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  AuditTrail,
  type Caller,
  Conflict,
  describeError,
  type EffectiveGrant,
  LiveCallers,
  type OperationRun,
  type Permission,
  type RequestContext,
  requireContext,
  runInContext,
  type TokenLimit,
} from '#core';
import { AuditEntries } from '../audit-entries.js';
import { factsOf } from '../server-changes.js';
import { ServersService } from '../servers.service.js';
import { ImportPlanner, type PlannedRow } from './import-planner.js';
import type { FailedRowView, ImportResultView } from './import.view.js';
import type { RawRow } from './read-csv.js';

/** The request behind an import, for its rights and for the audit log. */
export interface StoredRequest {
  mode: 'all' | 'valid';
  update: boolean;
  requestId: string;
  address: string;
  userAgent: string | null;
  caller: Omit<Caller, 'grants' | 'limit'> & {
    grants: (Omit<EffectiveGrant, 'permissions'> & { permissions: Permission[] })[];
    limit?: Omit<TokenLimit, 'permissions'> & { permissions: Permission[] };
  };
}

interface StoredImport {
  id: string;
  request: StoredRequest;
  rows: RawRow[];
  done: number;
  result: ImportResultView | null;
}

/** Rows in one transaction, unless all are. */
const CHUNK = 250;
const MAX_FAILURES = 1_000;
/** How often a chunk is planned anew when somebody else has taken a name of it meanwhile. */
const ATTEMPTS = 5;

/** Does the work of an import. How far it is, is written with the rows: a run that is taken over goes on after the last of them. */
@Injectable()
export class ImportRunner {
  constructor(
    private readonly dataSource: DataSource,
    private readonly planner: ImportPlanner,
    private readonly servers: ServersService,
    private readonly audit: AuditTrail,
    private readonly callers: LiveCallers,
  ) {}

  async run(run: OperationRun<{ importId: string }>): Promise<ImportResultView> {
    const [stored]: StoredImport[] = await this.dataSource.query(
      'SELECT id, request, rows, done, result FROM server_imports WHERE id = $1',
      [run.input.importId],
    );
    if (!stored)
      throw new Conflict('The rows of this import are no longer kept. Send them again.', { code: 'import_gone' });
    const caller = (await this.callers.refresh(stored.request.caller)) ?? restored(stored.request.caller);
    return runInContext(contextOf(stored.request, caller), () =>
      stored.request.mode === 'all' ? this.importAll(run, stored) : this.importValid(run, stored),
    );
  }

  /** Chunk by chunk; what is not valid is left out. */
  private async importValid(run: OperationRun, stored: StoredImport): Promise<ImportResultView> {
    let result = stored.result ?? emptyResult(stored.rows.length);
    const seen = namesOf(stored.rows.slice(0, stored.done));
    for (let done = stored.done; done < stored.rows.length; done += CHUNK) {
      run.signal.throwIfAborted();
      const chunk = stored.rows.slice(done, done + CHUNK);
      result = await this.again(async (entries) =>
        this.dataSource.transaction(async (manager) => {
          const options = { update: stored.request.update, first: done + 1, seen: new Map(seen) };
          const outcome = add(
            result,
            await this.apply(manager, await this.planner.plan(manager, chunk, options), entries),
          );
          await keep(manager, stored.id, done + chunk.length, outcome);
          return outcome;
        }),
      );
      for (const [name, row] of namesOf(chunk, done + 1)) if (!seen.has(name)) seen.set(name, row);
      run.progress(((done + chunk.length) / stored.rows.length) * 100);
    }
    run.log(summary(result));
    return result;
  }

  /** In one transaction: nobody ever sees a part of it. */
  private async importAll(run: OperationRun, stored: StoredImport): Promise<ImportResultView> {
    if (stored.result) return stored.result;
    const result = await this.again((entries) =>
      this.dataSource.transaction(async (manager) => {
        const planned = await this.planner.plan(manager, stored.rows, { update: stored.request.update });
        refuseInvalid(planned.length, failuresOf(planned));
        run.progress(10);
        let outcome = emptyResult(planned.length);
        for (let done = 0; done < planned.length; done += CHUNK) {
          run.signal.throwIfAborted();
          outcome = add(outcome, await this.apply(manager, planned.slice(done, done + CHUNK), entries));
          refuseInvalid(planned.length, outcome.failures);
          run.progress(10 + (90 * done) / planned.length);
        }
        await keep(manager, stored.id, planned.length, outcome);
        return outcome;
      }),
    );
    run.log(summary(result));
    return result;
  }

  /** Does what was planned; a row that fails only now (a right or a server has gone meanwhile) is among the failures. */
  private async apply(
    manager: EntityManager,
    planned: readonly PlannedRow[],
    entries: Recorded,
  ): Promise<ImportResultView> {
    const result = { ...emptyResult(0), failures: failuresOf(planned) };
    const creates = planned.flatMap((row) => (row.action === 'create' ? [row.input] : []));
    for (const server of await this.servers.createMany(manager, creates)) {
      const resource = { type: 'server', id: server.id, name: server.name };
      entries.push({ action: 'server.create', resource, after: factsOf(server) });
    }
    result.created = creates.length;
    for (const row of planned) if (row.action === 'update') await this.update(manager, row, result, entries);
    result.failed = result.failures.length;
    return result;
  }

  private async update(
    manager: EntityManager,
    row: Extract<PlannedRow, { action: 'update' }>,
    result: ImportResultView,
    entries: Recorded,
  ): Promise<void> {
    const own: RequestContext = { ...requireContext(), audit: {} };
    try {
      const { changed } = await runInContext(own, () => this.servers.changeIn(manager, row.id, () => row.input));
      if (changed) entries.push({ action: 'server.update', ...own.audit });
      result[changed ? 'updated' : 'unchanged']++;
    } catch (error) {
      const { status, detail, errors } = describeError(error);
      if (status >= 500 || status === 409) throw error;
      result.failures.push({ row: row.row, name: row.name, errors: errors ?? [{ pointer: '', message: detail }] });
    }
  }

  /** Runs a transaction, again when a name was taken between plan and writing; then its entries go to the audit log. */
  private async again<T>(work: (entries: Recorded) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const recorded: Recorded = [];
      try {
        const result = await work(recorded);
        await this.servers.forgetCached();
        const entries = new AuditEntries();
        for (const entry of recorded) entries.add(this.audit.record({ ...entry, outcome: 'succeeded' }));
        await entries.written();
        return result;
      } catch (error) {
        if (attempt === ATTEMPTS || !isTakenName(error)) throw error;
      }
    }
  }
}

type Recorded = Pick<Parameters<AuditTrail['record']>[0], 'action' | 'resource' | 'before' | 'after'>[];

/** The unique index on names, or what was found out by asking for them. */
function isTakenName(error: unknown): boolean {
  const { status, code } = describeError(error);
  return status === 409 && code === 'conflict';
}

async function keep(manager: EntityManager, id: string, done: number, result: ImportResultView): Promise<void> {
  await manager.query('UPDATE server_imports SET done = $2, result = $3 WHERE id = $1', [
    id,
    done,
    JSON.stringify(result),
  ]);
}

function emptyResult(rows: number): ImportResultView {
  return { rows, created: 0, updated: 0, unchanged: 0, failed: 0, failures: [] };
}

function add(before: ImportResultView, more: ImportResultView): ImportResultView {
  return {
    rows: before.rows,
    created: before.created + more.created,
    updated: before.updated + more.updated,
    unchanged: before.unchanged + more.unchanged,
    failed: before.failed + more.failed,
    failures: [...before.failures, ...more.failures].slice(0, MAX_FAILURES),
  };
}

function failuresOf(planned: readonly PlannedRow[]): FailedRowView[] {
  return planned.flatMap((row) =>
    row.action === 'invalid' ? [{ row: row.row, name: row.name, errors: row.errors }] : [],
  );
}

/** All or nothing: a single row is enough for nothing. */
function refuseInvalid(rows: number, failures: FailedRowView[]): void {
  if (failures.length === 0) return;
  throw new Conflict(`Nothing was imported: ${failures.length} of ${rows} rows can’t be.`, {
    code: 'import_invalid',
    extra: { failures: failures.slice(0, MAX_FAILURES) },
  });
}

function namesOf(rows: readonly RawRow[], first = 1): Map<string, number> {
  const names = new Map<string, number>();
  for (const [index, { input }] of rows.entries()) {
    const name = (input as { name?: unknown } | undefined)?.name;
    if (typeof name === 'string' && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), first + index);
  }
  return names;
}

function summary({ created, updated, unchanged, failed }: ImportResultView): string {
  return `${created} created, ${updated} changed, ${unchanged} as they were, ${failed} failed`;
}

function restored({ grants, limit, ...caller }: StoredRequest['caller']): Caller {
  return {
    ...caller,
    grants: grants.map((grant) => ({ ...grant, permissions: new Set(grant.permissions) })),
    limit: limit && { ...limit, permissions: new Set(limit.permissions) },
  };
}

/** As if the request were still being answered: rights and audit entries are those of its caller. */
function contextOf({ requestId, address, userAgent }: StoredRequest, caller: Caller): RequestContext {
  return { requestId, address, userAgent, method: 'POST', caller, audit: {}, secrets: new Set(), accessAsked: false };
}
