import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Permission } from '../access/permissions.js';
import type { Target } from '../access/scope.js';
import type { AuditedResource } from '../audit/audit-trail.js';
import { currentContext } from '../http/request-context.js';
import type { SystemKind } from '../systems/system-kind.js';
import { Jobs } from './jobs.client.js';
import { OperationEnds } from './operation-ends.js';
import { type OperationHandler, OperationRunner } from './operation-runner.js';
import { OperationStore } from './operation-store.js';
import { OperationView } from './operation.view.js';

/** What should be done, and on what. */
export interface OperationRequest {
  /** `<thing>.<verb>`, like `server.import`: a handler of this type does the work. */
  type: string;
  /** JSON for the handler. May hold secrets: it is kept encrypted, and never shown. */
  input: unknown;
  /** With `permission`: who may follow, cancel and repeat it, besides the one who started it. */
  target: Target;
  permission: Permission;
  resource: AuditedResource;
}

/** Work that goes on after its request was answered, and survives the process that does it. */
@Injectable()
export class Operations {
  constructor(
    private readonly store: OperationStore,
    private readonly jobs: Jobs,
    private readonly runner: OperationRunner,
    private readonly ends: OperationEnds,
  ) {}

  /** Starts an operation in the name of the caller, in the transaction of `manager`: when that is undone, it never existed. */
  start(manager: EntityManager, request: OperationRequest): Promise<OperationView> {
    return this.startAs(manager, request, null);
  }

  /** Starts one that repeats another. */
  async startAs(manager: EntityManager, request: OperationRequest, retryOf: string | null): Promise<OperationView> {
    const { type, input, target, permission, resource } = request;
    if (!this.runner.handles(type)) throw new Error(`nobody handles operations of type ${type}`);
    const caller = currentContext()?.caller;
    const id = randomUUID();
    const row = await this.store.insert(
      manager,
      {
        id,
        type,
        permission,
        target_kind: target.kind ?? null,
        target_id: target.id ?? null,
        target_environment: target.environment ?? null,
        target_part: target.part ?? null,
        resource_type: resource.type,
        resource_id: resource.id ?? null,
        resource_name: resource.name ?? null,
        started_by_id: caller?.userId ?? null,
        started_by_name: caller?.username ?? null,
        retry_of: retryOf,
      },
      input,
    );
    await this.jobs.add(manager, id);
    return OperationView.of(row);
  }

  /** Says who does the work of a type. Called when the module starts, in every process. */
  handle(type: string, handler: OperationHandler): void {
    this.runner.handle(type, handler);
  }

  /** Asks for the end of everything that is done on a system, because it is removed in the transaction of `manager`. */
  async cancelForSystem(manager: EntityManager, kind: SystemKind, id: string): Promise<void> {
    const cancelled = await this.store.cancel(manager, 'target_kind = $1 AND target_id = $2', [kind, id]);
    await this.jobs.remove(
      manager,
      cancelled.map((row) => row.id),
    );
    // the audit log hears of them by upkeep, once the transaction has committed
    await this.ends.announce(manager, cancelled);
  }
}
