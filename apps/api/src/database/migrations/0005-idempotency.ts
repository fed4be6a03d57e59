import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers of creates that were sent with an Idempotency-Key, for a day. */
export class Idempotency1764000005000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency_keys (
        user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        route text NOT NULL,
        key text NOT NULL,
        body_digest bytea NOT NULL,
        instance_id uuid NOT NULL,
        claim_id uuid NOT NULL,
        status integer,
        location text,
        body json,
        has_secret boolean NOT NULL DEFAULT false,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (user_id, route, key)
      )`);
    await runner.query('CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE idempotency_keys');
  }
}
