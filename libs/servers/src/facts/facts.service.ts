import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFound } from '#core';
import type { FactsView } from './facts.view.js';
import { type MachineFacts, NO_FACTS } from './machine-facts.js';

/** What is known of the machines behind servers. */
@Injectable()
export class FactsService {
  constructor(private readonly dataSource: DataSource) {}

  /** Throws NotFound with the code `no_facts` when no source has told any yet. */
  async get(id: string): Promise<FactsView> {
    const [row]: { facts: MachineFacts | null; changed_at: Date }[] = await this.dataSource.query(
      'SELECT f.facts, f.changed_at FROM servers s LEFT JOIN server_facts f ON f.server_id = s.id WHERE s.id = $1',
      [id],
    );
    if (!row) throw new NotFound('server', id);
    if (!row.facts) throw new NotFound('fact of this server', undefined, 'no_facts');
    return { ...NO_FACTS, ...row.facts, changedAt: row.changed_at.toISOString() };
  }
}
