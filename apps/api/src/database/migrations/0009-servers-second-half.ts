import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is known of servers beyond their samples: facts, devices, thresholds of their status, the 5-minute roll-up, imports under way. */
export class ServersSecondHalf1764000009000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...FACTS, ...THRESHOLDS, ...ROLL_UP, ...IMPORTS]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE server_imports, server_rollup, server_samples_5m, status_thresholds, server_facts');
    await runner.query('ALTER TABLE server_polls DROP COLUMN devices, DROP COLUMN strained');
  }
}

const FACTS = [
  // json, not jsonb: it is only kept, and remote text may hold what jsonb refuses
  `CREATE TABLE server_facts (
    server_id uuid PRIMARY KEY REFERENCES servers ON DELETE CASCADE,
    facts json NOT NULL,
    changed_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `ALTER TABLE server_polls ADD COLUMN devices json, ADD COLUMN strained integer NOT NULL DEFAULT 0`,
];

const THRESHOLDS = [
  // of one server or of an environment; for each figure the server's own wins
  `CREATE TABLE status_thresholds (
    server_id uuid UNIQUE REFERENCES servers ON DELETE CASCADE,
    environment text UNIQUE,
    thresholds jsonb NOT NULL,
    CHECK (num_nonnulls(server_id, environment) = 1)
  )`,
];

const REAL = ['cpu_percent', 'memory_percent', 'disk_percent', 'load1', 'load5', 'load15'];
const RATES = ['network_receive_bytes_per_second', 'network_transmit_bytes_per_second'];
const BYTES = ['memory_used_bytes', 'disk_used_bytes'];

/** How many samples had the figure, and their average, least and most. */
function figure(column: string, type: string): string {
  return `${column}_n smallint NOT NULL, ${['avg', 'min', 'max'].map((of) => `${column}_${of} ${type}`).join(', ')}`;
}

const ROLL_UP = [
  `CREATE TABLE server_samples_5m (
    server_id uuid NOT NULL,
    ts timestamptz(3) NOT NULL,
    ${[...REAL, ...RATES].map((column) => figure(column, 'real')).join(', ')},
    ${BYTES.map((column) => figure(column, 'double precision')).join(', ')},
    PRIMARY KEY (server_id, ts)
  )`,
  // one row: what is older is rolled up
  `CREATE TABLE server_rollup (one boolean PRIMARY KEY DEFAULT true CHECK (one), until timestamptz(3) NOT NULL)`,
  `INSERT INTO server_rollup (until)
   SELECT date_bin('5 minutes', coalesce((SELECT min(ts) FROM server_samples), now()), 'epoch')`,
];

const IMPORTS = [
  // rows as they came (json keeps what jsonb refuses), and how far the operation is: it goes on there when its process dies
  `CREATE TABLE server_imports (
    id uuid PRIMARY KEY,
    request json NOT NULL,
    rows json NOT NULL,
    done integer NOT NULL DEFAULT 0,
    result json,
    created_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
];
