import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Servers, how they are polled, and their metric samples. */
export class Servers1764000004000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...SERVERS, ...POLLS, ...SAMPLES]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE server_sample_removals, server_samples, server_polls, servers');
  }
}

const SERVERS = [
  // Pollers write status and last_seen_at with every reading: no index on either, and room in each page, keep those updates in place.
  `CREATE TABLE servers (
    id uuid PRIMARY KEY,
    name text COLLATE "und-x-icu" NOT NULL,
    description text NOT NULL DEFAULT '',
    environment text,
    tags text[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'unknown',
    status_reason text,
    last_seen_at timestamptz(3),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now(),
    hostname text,
    ip_address text,
    location text,
    provider text,
    os text,
    kernel text,
    architecture text,
    cpu_cores integer,
    memory_bytes bigint,
    disk_bytes bigint,
    source jsonb NOT NULL DEFAULT '{"type": "none"}'
  ) WITH (fillfactor = 80)`,
  `CREATE UNIQUE INDEX servers_name_once ON servers (lower(name))`,
  `CREATE INDEX servers_name ON servers (name, id)`,
  `CREATE INDEX servers_created_at ON servers (created_at, id)`,
  `CREATE INDEX servers_environment ON servers (environment)`,
  `CREATE INDEX servers_tags ON servers USING gin (tags)`,
];

const POLLS = [
  // One row a server. next_at null: nothing to read. A claim moves next_at behind the end of its lease, so that another process
  // takes over when this one dies. json, not jsonb: it is only kept, and remote text may hold what jsonb refuses.
  `CREATE TABLE server_polls (
    server_id uuid PRIMARY KEY REFERENCES servers ON DELETE CASCADE,
    next_at timestamptz(3),
    lease uuid,
    failures integer NOT NULL DEFAULT 0,
    successes integer NOT NULL DEFAULT 0,
    reading json,
    latest json
  ) WITH (fillfactor = 70)`,
  `CREATE INDEX server_polls_next_at ON server_polls (next_at) WHERE next_at IS NOT NULL`,
];

const SAMPLES = [
  // no foreign key: it would cost a look-up a row; samples of a removed server go by server_sample_removals
  `CREATE TABLE server_samples (
    server_id uuid NOT NULL,
    ts timestamptz(3) NOT NULL,
    cpu_percent real,
    memory_percent real,
    memory_used_bytes bigint,
    memory_total_bytes bigint,
    disk_percent real,
    disk_used_bytes bigint,
    disk_total_bytes bigint,
    network_receive_bytes_per_second real,
    network_transmit_bytes_per_second real,
    load1 real,
    load5 real,
    load15 real,
    uptime_seconds bigint
  ) PARTITION BY RANGE (ts)`,
  // what charts show is in the index, so that they never touch the table
  `CREATE UNIQUE INDEX server_samples_server ON server_samples (server_id, ts DESC) INCLUDE (
    cpu_percent, memory_percent, memory_used_bytes, disk_percent, disk_used_bytes,
    network_receive_bytes_per_second, network_transmit_bytes_per_second, load1, load5, load15)`,
  // servers that are gone and whose samples still have to go
  `CREATE TABLE server_sample_removals (
    server_id uuid PRIMARY KEY,
    removed_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
];
