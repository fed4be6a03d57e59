import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Processes that are alive, generated keys, and check values of ENCRYPTION_KEYS. */
export class Core1764000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE instances (
        id uuid PRIMARY KEY,
        seen_at timestamptz NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE encryption_checks (
        key_id text PRIMARY KEY,
        sealed_check text NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE secret_keys (
        id uuid PRIMARY KEY,
        purpose text NOT NULL,
        sealed_secret text NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE secret_keys, encryption_checks, instances');
  }
}
