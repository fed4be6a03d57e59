import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users, teams, roles, grants, and how people and machines sign in. */
export class Auth1764000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...PEOPLE, ...RIGHTS, ...SIGN_IN]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE sign_in_failures, known_addresses, api_tokens, refresh_tokens, sessions, grants, roles, team_members, teams, users',
    );
  }
}

const PEOPLE = [
  // usernames are unique whatever their case
  `CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text NOT NULL,
    display_name text NOT NULL DEFAULT '',
    email text,
    password_hash text NOT NULL,
    must_change_password boolean NOT NULL DEFAULT false,
    disabled boolean NOT NULL DEFAULT false,
    last_sign_in_at timestamptz(3),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `CREATE UNIQUE INDEX users_username ON users (lower(username))`,
  `CREATE TABLE teams (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `CREATE UNIQUE INDEX teams_name ON teams (lower(name))`,
  `CREATE TABLE team_members (
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    added_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (team_id, user_id)
  )`,
  `CREATE INDEX team_members_user ON team_members (user_id)`,
];

const RIGHTS = [
  // the permissions of built-in roles come from the catalogue in the code; their column stays empty
  `CREATE TABLE roles (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    built_in boolean NOT NULL DEFAULT false,
    permissions text[] NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `CREATE UNIQUE INDEX roles_name ON roles (lower(name))`,
  `INSERT INTO roles (id, name, description, built_in) VALUES
    ('00000000-0000-4000-8000-000000000001', 'admin', 'Everything', true),
    ('00000000-0000-4000-8000-000000000002', 'operator', 'Runs what is registered', true),
    ('00000000-0000-4000-8000-000000000003', 'viewer', 'Sees what is registered', true),
    ('00000000-0000-4000-8000-000000000004', 'auditor', 'Sees who may do what and who did what', true)`,
  `CREATE TABLE grants (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users ON DELETE CASCADE,
    team_id uuid REFERENCES teams ON DELETE CASCADE,
    role_id uuid NOT NULL REFERENCES roles,
    scope_type text NOT NULL,
    scope_id uuid,
    scope_name text,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    created_by uuid,
    CHECK ((user_id IS NULL) <> (team_id IS NULL))
  )`,
  `CREATE UNIQUE INDEX grants_once ON grants (user_id, team_id, role_id, scope_type, scope_id, scope_name) NULLS NOT DISTINCT`,
  `CREATE INDEX grants_team ON grants (team_id)`,
  `CREATE INDEX grants_scope ON grants (scope_id)`,
];

const SIGN_IN = [
  `CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    last_used_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3) NOT NULL,
    revoked_at timestamptz(3),
    address text NOT NULL,
    user_agent text
  )`,
  `CREATE INDEX sessions_user ON sessions (user_id, created_at DESC)`,
  // every refresh token of a session, used ones too: a used one that comes back gives the family away
  `CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at timestamptz(3) NOT NULL DEFAULT now(),
    used_at timestamptz(3),
    parent_hash bytea
  )`,
  `CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id)`,
  `CREATE TABLE api_tokens (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    hash bytea NOT NULL,
    permissions text[] NOT NULL,
    scope_type text NOT NULL DEFAULT 'all',
    scope_id uuid,
    scope_name text,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3) NOT NULL,
    last_used_at timestamptz(3),
    last_used_address text,
    revoked_at timestamptz(3)
  )`,
  `CREATE UNIQUE INDEX api_tokens_name ON api_tokens (user_id, lower(name)) WHERE revoked_at IS NULL`,
  // key: "account:<lower-case name>", "address:<address>" or "pair:<name>|<address>"
  `CREATE TABLE sign_in_failures (
    key text PRIMARY KEY,
    failures integer NOT NULL,
    locked_until timestamptz(3),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  // addresses from which a user has signed in: an attacker's failures elsewhere don't lock these out
  `CREATE TABLE known_addresses (
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    address text NOT NULL,
    seen_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, address)
  )`,
];
