import { ApiProperty } from '@nestjs/swagger';
import type { OperationProblem, OperationRow, OperationState } from './operation-row.js';

/** Who started it. */
export class OperationStarterView {
  id!: string;
  /**
   * The name at that time.
   * @example "admin"
   */
  name!: string;
}

/** What it is done to. */
export class OperationResourceView {
  /** @example "server" */
  type!: string;
  id!: string | null;
  /** @example "web-1" */
  name!: string | null;
}

/** Why it failed: a problem document. */
export class OperationProblemView implements OperationProblem {
  [more: string]: unknown;
  /** @example "urn:einfra:problem:upstream_error" */
  type!: string;
  title!: string;
  /** @example 502 */
  status!: number;
  detail!: string;
  /** @example "upstream_error" */
  code!: string;
}

/** Work that goes on after its request was answered. */
export class OperationSummaryView {
  id!: string;
  /** @example "server.import" */
  type!: string;
  /** `queued`, `running`, `succeeded`, `failed` or `cancelled`. */
  state!: OperationState;
  /** 0 to 100; null while nobody can tell. */
  progress!: number | null;
  resource!: OperationResourceView;
  problem!: OperationProblemView | null;
  /** Null when EINFRA started it by itself. */
  startedBy!: OperationStarterView | null;
  /** How many runners have taken it up; more than one after a restart or the death of a process. */
  attempt!: number;
  /** The operation that this one repeats. */
  retryOf!: string | null;
  /** Set once somebody asked for its end. */
  cancelRequestedAt!: Date | null;
  createdAt!: Date;
  startedAt!: Date | null;
  finishedAt!: Date | null;

  static of(row: OperationRow): OperationSummaryView {
    return {
      id: row.id,
      type: row.type,
      state: row.state,
      progress: row.progress,
      resource: { type: row.resource_type, id: row.resource_id, name: row.resource_name },
      problem: row.problem === null ? null : (JSON.parse(row.problem) as OperationProblemView),
      startedBy: row.started_by_id === null ? null : { id: row.started_by_id, name: row.started_by_name ?? '' },
      attempt: row.attempt,
      retryOf: row.retry_of,
      cancelRequestedAt: row.cancel_requested_at,
      createdAt: row.created_at,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
    };
  }
}

const ANY_JSON = ['object', 'array', 'string', 'number', 'boolean', 'null'].map((type) => ({ type }));

/** Work that goes on after its request was answered, with what came of it. */
export class OperationView extends OperationSummaryView {
  /** What it answered, once it succeeded; its form depends on the type. */
  @ApiProperty({ anyOf: ANY_JSON })
  result!: unknown;

  static override of(row: OperationRow & { result?: string | null }): OperationView {
    return { ...OperationSummaryView.of(row), result: row.result == null ? null : (JSON.parse(row.result) as unknown) };
  }
}

/** One line of an operation's log. */
export class OperationLineView {
  /** Number in the log, from 1. */
  seq!: number;
  at!: Date;
  line!: string;
}
