import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Conflict } from '#core';
import { ADMIN_ROLE_ID } from '../roles/role.entity.js';

const LOCK = 7_341_005;

/** Keeps at least one enabled user who holds `admin` on everything. */
@Injectable()
export class LastAdmin {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Runs a change that may take the role away from somebody, in a transaction; undoes it when nobody would be left.
   * Such changes wait for one another, else two could each leave the other's administrator as the last. Use only the manager given.
   */
  keep<T>(change: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      const result = await change(manager);
      if (!(await anyAdmin(manager)))
        throw new Conflict('This would leave nobody who is admin on everything.', { code: 'last_admin' });
      return result;
    });
  }
}

/** Whether an enabled user holds `admin` on everything, directly or through a team. */
export async function anyAdmin(manager: EntityManager): Promise<boolean> {
  const rows: unknown[] = await manager.query(
    `SELECT 1 FROM users u
      WHERE NOT u.disabled AND EXISTS (
        SELECT 1 FROM grants g
          LEFT JOIN team_members m ON m.team_id = g.team_id
         WHERE g.role_id = $1 AND g.scope_type = 'all' AND u.id IN (g.user_id, m.user_id))
      LIMIT 1`,
    [ADMIN_ROLE_ID],
  );
  return rows.length > 0;
}
