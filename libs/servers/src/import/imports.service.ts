import { randomUUID } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  Access,
  AuditTrail,
  type OperationRun,
  Operations,
  type OperationView,
  requireContext,
  ValidationFailed,
} from '#core';
import type { ImportQuery } from './import.dto.js';
import { ImportPlanner } from './import-planner.js';
import { ImportRunner, type StoredRequest } from './import-runner.js';
import type { ImportPlanView } from './import.view.js';
import { MAX_ROWS, type RawRow, readCsv, tooMany } from './read-csv.js';

/** Name of the operations that import servers. */
const IMPORT = 'server.import';

/** Takes lists of servers in. */
@Injectable()
export class ImportsService implements OnModuleInit {
  constructor(
    private readonly dataSource: DataSource,
    private readonly operations: Operations,
    private readonly planner: ImportPlanner,
    private readonly runner: ImportRunner,
    private readonly access: Access,
    private readonly audit: AuditTrail,
  ) {}

  onModuleInit(): void {
    this.operations.handle(IMPORT, (run: OperationRun<{ importId: string }>) => this.runner.run(run));
  }

  /** What would become of each row. Throws ValidationFailed for a body that is no list of servers. */
  async plan(body: unknown, { update }: ImportQuery): Promise<ImportPlanView> {
    this.access.reach('servers:write');
    const rows = await readRows(body);
    this.describe(rows.length);
    const planned = await this.planner.plan(this.dataSource.manager, rows, { update: update === 'name' });
    const count = (action: string): number => planned.filter((row) => row.action === action).length;
    return {
      rows: rows.length,
      create: count('create'),
      update: count('update'),
      invalid: count('invalid'),
      items: planned.map((row) => ({
        row: row.row,
        name: row.name,
        action: row.action,
        errors: row.action === 'invalid' ? row.errors : [],
      })),
    };
  }

  /** Keeps the rows and starts the operation that imports them. */
  async start(body: unknown, { mode, update }: ImportQuery): Promise<OperationView> {
    this.access.reach('servers:write');
    const rows = await readRows(body);
    this.describe(rows.length);
    const { requestId, address, userAgent, caller } = requireContext();
    const request: StoredRequest = {
      mode,
      update: update === 'name',
      requestId,
      address,
      userAgent,
      caller: snapshot(caller),
    };
    const id = randomUUID();
    return this.dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO server_imports (id, request, rows) VALUES ($1, $2, $3)', [
        id,
        JSON.stringify(request),
        JSON.stringify(rows),
      ]);
      return this.operations.start(manager, {
        type: IMPORT,
        input: { importId: id },
        target: targetOf(rows),
        permission: 'servers:write',
        resource: { type: 'server', id: null, name: `${rows.length} servers` },
      });
    });
  }

  private describe(rows: number): void {
    this.audit.describe({ resource: { type: 'server', id: null, name: `${rows} servers` } });
  }
}

/** Rows of either form of a body. */
async function readRows(body: unknown): Promise<RawRow[]> {
  const rows = typeof body === 'string' ? await readCsv(body) : rowsOfJson(body);
  if (rows.length === 0) throw ValidationFailed.at('', 'has no rows');
  return rows;
}

function rowsOfJson(body: unknown): RawRow[] {
  if (!Array.isArray(body)) throw ValidationFailed.at('', 'must be a JSON array of servers, or CSV');
  if (body.length > MAX_ROWS) throw tooMany();
  return body.map((input: unknown) =>
    typeof input === 'object' && input !== null && !Array.isArray(input)
      ? { input }
      : { mistake: 'is not a JSON object' },
  );
}

/** Where the right to follow the operation must hold: in the one environment that all rows are in, else everywhere. */
function targetOf(rows: readonly RawRow[]): { kind: 'server'; environment: string | null } {
  const environments = new Set(rows.map(({ input }) => (input as { environment?: unknown } | undefined)?.environment));
  const [environment] = environments;
  return {
    kind: 'server',
    environment: environments.size === 1 && typeof environment === 'string' ? environment : null,
  };
}

/** The caller as JSON keeps it. */
function snapshot(caller: ReturnType<typeof requireContext>['caller']): StoredRequest['caller'] {
  if (!caller) throw new Error('an import needs a caller');
  return {
    ...caller,
    grants: caller.grants.map((grant) => ({ ...grant, permissions: [...grant.permissions] })),
    limit: caller.limit && { ...caller.limit, permissions: [...caller.limit.permissions] },
  };
}
