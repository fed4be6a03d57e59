import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditTrail } from '../audit/audit-trail.js';
import { Events } from '../events/events.js';
import { type OperationProblem, type OperationRow, targetOf } from './operation-row.js';
import { OperationStore } from './operation-store.js';

/** Ends operations: with the event `operation.finished` in the same transaction, and an entry in the audit log behind it. */
@Injectable()
export class OperationEnds {
  private readonly logger = new Logger('Operations');

  constructor(
    private readonly dataSource: DataSource,
    private readonly events: Events,
    private readonly audit: AuditTrail,
    private readonly store: OperationStore,
  ) {}

  /** `change` ends operations and answers their rows; the answer is how many. What can't be recorded now, upkeep finds again. */
  async end(change: (manager: EntityManager) => Promise<OperationRow[]>): Promise<number> {
    const rows = await this.dataSource.transaction(async (manager) => {
      const ended = await change(manager);
      await this.announce(manager, ended);
      return ended;
    });
    for (const row of rows) await this.record(row);
    return rows.length;
  }

  /** Publishes the ends of operations in the transaction that ends them. */
  async announce(manager: EntityManager, rows: OperationRow[]): Promise<void> {
    if (rows.length > 0) await this.events.publish(manager, ...rows.map(eventOf));
  }

  async record(row: OperationRow): Promise<void> {
    try {
      await this.audit.record({
        action: `${row.type}.finish`,
        outcome: row.state === 'succeeded' ? 'succeeded' : 'failed',
        actor: { id: row.started_by_id, name: row.started_by_name ?? 'system' },
        resource: resourceOf(row),
        detail: `Operation ${row.id}: ${endOf(row)}`,
      });
      await this.store.markRecorded(row.id);
    } catch (error) {
      this.logger.warn(`the end of operation ${row.id} was not recorded yet: ${(error as Error).message}`);
    }
  }
}

function eventOf(row: OperationRow): Parameters<Events['publish']>[1] {
  const { id, type, state, permission } = row;
  const startedBy = row.started_by_id === null ? null : { id: row.started_by_id, name: row.started_by_name };
  const data = { operationId: id, operationType: type, state, startedBy };
  return { type: 'operation.finished', target: targetOf(row), permission, resource: resourceOf(row), data };
}

function resourceOf(row: OperationRow): { type: string; id: string | null; name: string | null } {
  return { type: row.resource_type, id: row.resource_id, name: row.resource_name };
}

function endOf({ state, problem, started_at: startedAt }: OperationRow): string {
  if (state === 'cancelled') return startedAt ? 'cancelled while it ran.' : 'cancelled before it began.';
  if (problem === null) return `${state}.`;
  const { code, detail } = JSON.parse(problem) as OperationProblem;
  return `failed, ${code}: ${detail}`;
}
