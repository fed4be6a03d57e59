import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type CursorPage, NotFound, ValidationFailed } from '#core';
import { ENTRY_OF_ACTION, finishedEntries, FIRST_SEQ_SINCE, openEntries, type SeqRange } from './audit-query.js';
import type { ShownAuditRow } from './audit-row.js';
import type { AuditFilter, AuditQuery } from './audit.dto.js';
import { AuditEntryView } from './audit.view.js';

/** Entries read at once by an export. */
const BATCH = 500;
const NOWHERE: SeqRange = { above: Number.MAX_SAFE_INTEGER, below: 0 };

type Row = ShownAuditRow & { alive: boolean };

/** Reads the audit log. */
@Injectable()
export class AuditService {
  constructor(private readonly dataSource: DataSource) {}

  /** Entries that match, newest first. */
  async list({ cursor, limit, ...filter }: AuditQuery): Promise<CursorPage<AuditEntryView>> {
    const range = await this.range(filter);
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw ValidationFailed.at('?cursor', 'must be a cursor that this list answered');
    if (cursor !== undefined) range.below = Math.min(range.below, Number(cursor));
    const items = await this.entries(filter, range, limit + 1);
    const more = items.length > limit;
    if (more) items.pop();
    return { items, nextCursor: more ? String(items.at(-1)?.seq) : null };
  }

  /** The entry of one action. Throws NotFound. */
  async get(id: string): Promise<AuditEntryView> {
    const [row] = await this.dataSource.query<Row[]>(ENTRY_OF_ACTION, [id]);
    if (!row) throw new NotFound('audit entry', id);
    return AuditEntryView.of(row);
  }

  /** All entries that match, newest first, read as fast as they are taken. */
  async *all(filter: AuditFilter): AsyncGenerator<AuditEntryView[]> {
    const range = await this.range(filter);
    for (;;) {
      const entries = await this.entries(filter, range, BATCH);
      if (entries.length > 0) yield entries;
      if (entries.length < BATCH) return;
      range.below = entries.at(-1)?.seq as number;
    }
  }

  private async entries(filter: AuditFilter, range: SeqRange, limit: number): Promise<AuditEntryView[]> {
    if (range.above >= range.below) return [];
    const finished = await this.query(finishedEntries(filter, range, limit));
    // open ones among and before those; there are few, if any
    const oldest = finished.length < limit ? range.above : (finished.at(-1)?.seq as number);
    const open = await this.query(openEntries(filter, { ...range, above: oldest }, limit));
    if (open.length === 0) return finished;
    return [...finished, ...open].sort((left, right) => right.seq - left.seq).slice(0, limit);
  }

  private async query(statement: { sql: string; parameters: unknown[] } | null): Promise<AuditEntryView[]> {
    if (!statement) return [];
    const rows = await this.dataSource.query<Row[]>(statement.sql, statement.parameters);
    return rows.map((row) => AuditEntryView.of(row));
  }

  /** The numbers of a period of time. */
  private async range({ from, to }: AuditFilter): Promise<SeqRange> {
    const range: SeqRange = { above: 0, below: Number.MAX_SAFE_INTEGER };
    if (to !== undefined) range.below = (await this.firstSince(to)) ?? range.below;
    if (from === undefined) return range;
    const first = await this.firstSince(from);
    return first === null ? NOWHERE : { ...range, above: first - 1 };
  }

  private async firstSince(time: string): Promise<number | null> {
    const [row] = await this.dataSource.query<{ seq: string }[]>(FIRST_SEQ_SINCE, [new Date(time).toISOString()]);
    return row ? Number(row.seq) : null;
  }
}
