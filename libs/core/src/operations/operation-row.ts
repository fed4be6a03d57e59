import type { Permission } from '../access/permissions.js';
import type { Target } from '../access/scope.js';
import type { Problem } from '../errors/problem.js';
import type { SystemKind } from '../systems/system-kind.js';

/** `cancelled`: at somebody's request, before it began or in the middle. */
export const OPERATION_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export type OperationState = (typeof OPERATION_STATES)[number];

/** What is shown of a failure: a problem document without the request it belongs to, since there is none any more. */
export type OperationProblem = Pick<Problem, 'type' | 'title' | 'status' | 'detail' | 'code' | 'errors'> &
  Record<string, unknown>;

/** How an operation ended. */
export interface OperationEnd {
  state: 'succeeded' | 'failed' | 'cancelled';
  result?: unknown;
  problem?: OperationProblem;
}

/** A row of `operations` as the driver answers it. */
export interface OperationRow {
  id: string;
  type: string;
  state: OperationState;
  progress: number | null;
  permission: Permission;
  target_kind: SystemKind | null;
  target_id: string | null;
  target_environment: string | null;
  target_part: string | null;
  resource_type: string;
  resource_id: string | null;
  resource_name: string | null;
  problem: string | null;
  started_by_id: string | null;
  started_by_name: string | null;
  retry_of: string | null;
  attempt: number;
  deaths: number;
  revision: string;
  log_count: number;
  cancel_requested_at: Date | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

/** Every column of OperationRow; input and result can be long and are read where they are needed. */
export const OPERATION_COLUMNS = `id, type, state, progress, permission, target_kind, target_id, target_environment, target_part,
  resource_type, resource_id, resource_name, problem, started_by_id, started_by_name, retry_of, attempt, deaths, revision, log_count,
  cancel_requested_at, created_at, started_at, finished_at`;

export function hasEnded({ state }: { state: OperationState }): boolean {
  return state !== 'queued' && state !== 'running';
}

/** What the operation was started on, as it was then. */
export function targetOf(row: OperationRow): Target {
  const { target_kind: kind, target_id: id, target_environment: environment, target_part: part } = row;
  return { kind: kind ?? undefined, id: id ?? undefined, environment, part: part ?? undefined };
}
