import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit log: append-only entries and the head of their chain. */
export class Audit1764000003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TABLES, ...INDEXES, ...APPEND_ONLY]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_head, audit_entries');
    await runner.query('DROP FUNCTION audit_refuse_change, audit_refuse_delete');
  }
}

const TABLES = [
  // Every column but mac is signed by mac; what no filter needs is in payload, whose text is signed byte for byte.
  // entry_seq is what the API calls seq: that of the intent for an outcome, else the row's own.
  `CREATE TABLE audit_entries (
    seq bigint PRIMARY KEY,
    phase text NOT NULL CHECK (phase IN ('intent', 'outcome', 'event')),
    entry_seq bigint NOT NULL,
    action_id uuid NOT NULL,
    at timestamptz(3) NOT NULL,
    actor_id text,
    actor_name text,
    action text COLLATE "C" NOT NULL,
    resource_type text,
    resource_id text,
    outcome text,
    instance_id uuid,
    payload text NOT NULL,
    key_id uuid NOT NULL,
    mac bytea NOT NULL
  )`,
  // base: the last entry that retention removed, where the chain now begins
  `CREATE TABLE audit_head (
    id integer PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,
    mac bytea NOT NULL,
    at timestamptz(3) NOT NULL,
    base_seq bigint NOT NULL,
    base_mac bytea NOT NULL,
    key_id uuid NOT NULL,
    head_mac bytea NOT NULL
  )`,
];

const INDEXES = [
  // one row for each finished entry, in the order of the list; unique, as an intent has one outcome
  `CREATE UNIQUE INDEX audit_entries_finished ON audit_entries (entry_seq) WHERE phase <> 'intent'`,
  `CREATE INDEX audit_entries_action_id ON audit_entries (action_id)`,
  // at never decreases with seq, so a period is a range of seq
  `CREATE INDEX audit_entries_at ON audit_entries (at, seq)`,
  `CREATE INDEX audit_entries_actor_id ON audit_entries (actor_id, entry_seq)`,
  `CREATE INDEX audit_entries_actor_name ON audit_entries (actor_name, entry_seq)`,
  `CREATE INDEX audit_entries_action ON audit_entries (action, entry_seq)`,
  `CREATE INDEX audit_entries_resource_type ON audit_entries (resource_type, entry_seq)`,
  `CREATE INDEX audit_entries_resource_id ON audit_entries (resource_id, entry_seq)`,
  `CREATE INDEX audit_entries_outcome ON audit_entries (outcome, entry_seq) WHERE outcome <> 'succeeded'`,
];

const APPEND_ONLY = [
  `CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END $$`,
  `CREATE FUNCTION audit_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('einfra.audit_retention', true) IS DISTINCT FROM 'on' THEN
      RAISE EXCEPTION 'the audit log is append-only: only retention removes entries' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()`,
  `CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_delete()`,
  `CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()`,
];
