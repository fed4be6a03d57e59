import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { Access } from '../access/access.js';
import type { Caller } from '../access/caller.js';
import { LiveCallers } from '../access/live-callers.js';
import { AuditTrail } from '../audit/audit-trail.js';
import { Conflict, Forbidden, NotFound, ValidationFailed } from '../errors/errors.js';
import { isUuid } from '../http/params.js';
import type { CursorPage } from '../lists/page.js';
import { sse } from '../streams/sse.js';
import type { SseEvent } from '../streams/sse-encoding.js';
import { StreamLimits } from '../streams/stream-limits.js';
import { Jobs } from './jobs.client.js';
import { OperationAccess } from './operation-access.js';
import { OperationEnds } from './operation-ends.js';
import { OperationFeed } from './operation-feed.js';
import { hasEnded, OPERATION_COLUMNS, type OperationRow } from './operation-row.js';
import { OperationRunner } from './operation-runner.js';
import { OperationStore } from './operation-store.js';
import { type OperationLineView, OperationSummaryView, OperationView } from './operation.view.js';
import type { OperationListQuery, OperationLogQuery } from './operations.dto.js';
import { Operations } from './operations.js';

/** Streams of one user. */
const MAX_STREAMS = 50;
const LINES = 200;

/** Operations as callers see them. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: OperationStore,
    private readonly operations: Operations,
    private readonly runner: OperationRunner,
    private readonly jobs: Jobs,
    private readonly ends: OperationEnds,
    private readonly feed: OperationFeed,
    private readonly rights: OperationAccess,
    private readonly access: Access,
    private readonly callers: LiveCallers,
    private readonly limits: StreamLimits,
    private readonly audit: AuditTrail,
  ) {}

  /** Newest first, those that the caller may see. A stretch can be shorter than asked for and not be the last. */
  async list({ cursor, limit, ...filter }: OperationListQuery): Promise<CursorPage<OperationSummaryView>> {
    const caller = this.access.caller();
    const { sql, parameters } = this.rights.visible(caller);
    const [at, id] = cursor === undefined ? [null, null] : readCursor(cursor);
    const count = parameters.length;
    const rows = await this.dataSource.query<OperationRow[]>(
      `SELECT ${OPERATION_COLUMNS} FROM operations WHERE ${sql}
         AND ($${count + 1}::timestamptz IS NULL OR (created_at, id) < ($${count + 1}, $${count + 2}::uuid))
         AND ($${count + 3}::text IS NULL OR state = $${count + 3}) AND ($${count + 4}::text IS NULL OR type = $${count + 4})
         AND ($${count + 5}::text IS NULL OR resource_id = $${count + 5})
       ORDER BY created_at DESC, id DESC LIMIT ${limit + 1}`,
      [...parameters, at, id, filter.state ?? null, filter.type ?? null, filter.resourceId?.toLowerCase() ?? null],
    );
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    const items: OperationSummaryView[] = [];
    for (const row of rows.slice(0, limit))
      if (await this.rights.maySee(caller, row)) items.push(OperationSummaryView.of(row));
    return { items, nextCursor: last ? `${last.created_at.toISOString()}_${last.id}` : null };
  }

  async get(id: string): Promise<OperationView> {
    return OperationView.of(await this.find(id, this.access.caller()));
  }

  async log(id: string, { cursor, limit }: OperationLogQuery): Promise<CursorPage<OperationLineView>> {
    await this.find(id, this.access.caller());
    const items = await this.store.lines(id, cursor, limit);
    return { items, nextCursor: items.length < limit ? null : String(items.at(-1)?.seq) };
  }

  /** Asks for its end. One that waits is cancelled at once; one that has ended stays as it is. */
  async cancel(id: string): Promise<OperationView> {
    const caller = this.access.caller();
    await this.findToChange(id, caller);
    await this.ends.end(async (manager) => {
      const rows = await this.store.cancel(manager, 'id = $1', [id]);
      await this.jobs.remove(
        manager,
        rows.map((row) => row.id),
      );
      return rows;
    });
    return OperationView.of(await this.find(id, caller));
  }

  /** Starts it anew, as an operation of the caller, who must be allowed to do it now. */
  async retry(id: string): Promise<OperationView> {
    const row = await this.findToChange(id, this.access.caller());
    const target = await this.rights.targetNow(row);
    this.access.require(row.permission, target);
    if (row.state !== 'failed' && row.state !== 'cancelled')
      throw new Conflict('Only an operation that failed or was cancelled can be tried again.');
    const input = await this.store.input(id);
    if (!input || !this.runner.handles(row.type)) throw new Conflict('This operation can’t be tried again any more.');
    const { type, permission } = row;
    const resource = { type: row.resource_type, id: row.resource_id, name: row.resource_name };
    const request = { type, input: input.value, target, permission, resource };
    return this.dataSource.transaction((manager) => this.operations.startAs(manager, request, id));
  }

  /** Progress and log lines as they come, until the operation has ended. */
  async follow(reply: FastifyReply, id: string): Promise<void> {
    let caller = this.access.caller();
    await this.find(id, caller);
    const release = this.limits.take('operations', caller.userId, MAX_STREAMS);
    const abort = new AbortController();
    try {
      await sse(reply, this.eventsOf(id, lastLine(reply), abort.signal), {
        abort,
        recheck: async () => {
          const now = await this.callers.refresh(caller);
          if (!now) return 'signed_out';
          caller = now;
          const row = await this.store.find(id);
          return row && (await this.rights.maySee(now, row)) ? null : 'not_allowed';
        },
      });
    } finally {
      release();
    }
  }

  private async *eventsOf(id: string, seen: number, signal: AbortSignal): AsyncGenerator<SseEvent> {
    while (!signal.aborted) {
      const row = await this.store.find(id);
      if (!row) return;
      for (let lines = await this.store.lines(id, seen, LINES); lines.length > 0;) {
        for (const line of lines) yield { id: String((seen = line.seq)), event: 'log', data: line };
        lines = lines.length < LINES ? [] : await this.store.lines(id, seen, LINES);
      }
      // has the id of the last line: who goes on from here gets the state first, and then what follows
      yield { id: String(seen), event: 'operation', data: OperationSummaryView.of(row) };
      if (hasEnded(row)) return;
      await this.feed.changed(id, row.revision, signal);
    }
  }

  private async find(id: string, caller: Caller): Promise<OperationRow & { result: string | null }> {
    const row = await this.store.find(id);
    if (!row || !(await this.rights.maySee(caller, row))) throw new NotFound('operation', id);
    return row;
  }

  private async findToChange(id: string, caller: Caller): Promise<OperationRow> {
    const row = await this.find(id, caller);
    this.audit.describe({ resource: { type: 'operation', id, name: row.type } });
    if (!(await this.rights.mayChange(caller, row)))
      throw new Forbidden(`This needs the permission ${row.permission}.`, { permission: row.permission });
    return row;
  }
}

function readCursor(cursor: string): [at: string, id: string] {
  const [at = '', id] = cursor.split('_');
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(at) ? Date.parse(at) : NaN;
  if (Number.isNaN(time) || !isUuid(id))
    throw ValidationFailed.at('?cursor', 'must be a cursor that this list answered');
  return [at, id];
}

/** The last line that the client has seen; something that is no number of ours means from the beginning. */
function lastLine(reply: FastifyReply): number {
  const id = reply.request.headers['last-event-id'];
  return typeof id === 'string' && /^\d{1,7}$/.test(id) ? Number(id) : 0;
}
