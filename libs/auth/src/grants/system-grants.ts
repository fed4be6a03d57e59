import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Grant } from './grant.entity.js';

/** What becomes of grants when a registered system goes. */
@Injectable()
export class SystemGrants {
  /**
   * Removes all grants on a system and on parts of it. Domains call it in the transaction that removes the system, with that
   * transaction's manager: nobody is left with a right on something that is gone.
   */
  async removeAll(manager: EntityManager, id: string): Promise<void> {
    await manager.delete(Grant, { scopeId: id });
  }
}
