import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How servers are reached by SSH. */
export class Ssh1764000008000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // what may be shown, and the credentials, which may not
    await runner.query('ALTER TABLE servers ADD COLUMN ssh jsonb, ADD COLUMN sealed_ssh text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE servers DROP COLUMN ssh, DROP COLUMN sealed_ssh');
  }
}
