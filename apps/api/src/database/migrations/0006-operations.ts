import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Work that takes long, with its log, and work that comes back. The queue behind it is pg-boss's own schema. */
export class Operations1764000006000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TABLES, ...INDEXES]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE schedules, operation_log, operations');
    await runner.query('DROP SCHEMA IF EXISTS pgboss CASCADE');
  }
}

const TABLES = [
  // attempt moves with every runner that takes the row: what an earlier one still writes finds nothing.
  // deaths counts runners that did not come back; revision moves with everything that a follower should see.
  // result and problem are JSON as text, since jsonb can't hold every string that JSON can.
  `CREATE TABLE operations (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress double precision,
    permission text NOT NULL,
    target_kind text,
    target_id uuid,
    target_environment text,
    target_part text,
    resource_type text NOT NULL,
    resource_id text,
    resource_name text,
    sealed_input text,
    result text,
    problem text,
    started_by_id uuid,
    started_by_name text,
    retry_of uuid,
    attempt integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 0,
    revision bigint NOT NULL DEFAULT 0,
    log_count integer NOT NULL DEFAULT 0,
    end_recorded boolean NOT NULL DEFAULT false,
    cancel_requested_at timestamptz(3),
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    started_at timestamptz(3),
    finished_at timestamptz(3)
  )`,
  `CREATE TABLE operation_log (
    operation_id uuid NOT NULL REFERENCES operations ON DELETE CASCADE,
    seq integer NOT NULL,
    at timestamptz(3) NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (operation_id, seq)
  )`,
  // turn_at is where the turn lies on the schedule's grid, next_run_at the same with jitter
  `CREATE TABLE schedules (
    name text PRIMARY KEY,
    description text NOT NULL,
    rule text NOT NULL,
    jitter_seconds double precision NOT NULL,
    turn_at timestamptz(3) NOT NULL,
    next_run_at timestamptz(3) NOT NULL,
    run_requested boolean NOT NULL DEFAULT false,
    run_number bigint NOT NULL DEFAULT 0,
    running_until timestamptz(3),
    last_run_at timestamptz(3),
    last_finished_at timestamptz(3),
    last_outcome text CHECK (last_outcome IN ('succeeded', 'failed')),
    last_error text
  )`,
];

const INDEXES = [
  `CREATE INDEX operations_newest ON operations (created_at DESC, id DESC)`,
  `CREATE INDEX operations_starter ON operations (started_by_id, created_at DESC, id DESC)`,
  `CREATE INDEX operations_target ON operations (target_id, created_at DESC, id DESC)`,
  `CREATE INDEX operations_open ON operations (created_at) WHERE state IN ('queued', 'running')`,
  `CREATE INDEX operations_unrecorded ON operations (finished_at) WHERE finished_at IS NOT NULL AND NOT end_recorded`,
  `CREATE INDEX operations_finished ON operations (finished_at) WHERE finished_at IS NOT NULL`,
];
