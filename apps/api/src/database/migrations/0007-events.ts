import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What happened, tickets for streams, and webhooks with their deliveries. */
export class Events1764000007000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...EVENTS, ...TICKETS, ...WEBHOOKS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_feed, webhook_deliveries, webhooks, stream_tickets, events');
  }
}

const EVENTS = [
  // json, not jsonb: it is only kept, and remote text may hold what jsonb refuses. No foreign key: events outlive their systems.
  `CREATE TABLE events (
    id bigserial PRIMARY KEY,
    at timestamptz(3) NOT NULL DEFAULT now(),
    type text NOT NULL,
    system_kind text,
    system_id uuid,
    environment text,
    part text,
    permission text NOT NULL,
    resource_type text NOT NULL,
    resource_id text,
    resource_name text,
    data json NOT NULL,
    instance_id uuid NOT NULL
  )`,
  `CREATE INDEX events_at ON events (at)`,
];

const TICKETS = [
  `CREATE TABLE stream_tickets (
    hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id uuid,
    token_id uuid,
    path text NOT NULL,
    method text NOT NULL,
    expires_at timestamptz(3) NOT NULL,
    redeemed_at timestamptz(3)
  )`,
  `CREATE INDEX stream_tickets_expires_at ON stream_tickets (expires_at)`,
];

const WEBHOOKS = [
  // sending writes failing_since, and never version
  `CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    name text COLLATE "und-x-icu" NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    sealed_secret text NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    failing_since timestamptz(3),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `CREATE UNIQUE INDEX webhooks_name_once ON webhooks (lower(name))`,
  // The payload is text: what is signed is sent byte for byte, however often. next_at null: nothing more to do.
  `CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id bigint,
    event_type text NOT NULL,
    replay_of uuid,
    payload text NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz(3),
    lease uuid,
    status integer,
    problem text,
    duration_ms integer,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    attempted_at timestamptz(3)
  )`,
  // several processes read the same events
  `CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook_id, event_id) WHERE replay_of IS NULL`,
  `CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, created_at, id)`,
  `CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE next_at IS NOT NULL`,
  `CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at)`,
  // one row: how far deliveries have been made from events
  `CREATE TABLE webhook_feed (
    id integer PRIMARY KEY,
    cursor text NOT NULL
  )`,
  `INSERT INTO webhook_feed (id, cursor) VALUES (1, '0')`,
];
