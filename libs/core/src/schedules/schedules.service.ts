import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { NotFound } from '../errors/errors.js';
import type { PageQuery } from '../lists/page.dto.js';
import { Page } from '../lists/page.js';
import { parseSort } from '../lists/sort.js';
import { type ScheduleRow, ScheduleStore } from './schedule-store.js';
import { ScheduleView } from './schedule.view.js';
import { Schedules } from './schedules.js';

/** Schedules as administrators see them. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly schedules: Schedules,
    private readonly store: ScheduleStore,
    private readonly audit: AuditTrail,
  ) {}

  /** There are few: they are sorted and counted here. */
  async list(query: PageQuery): Promise<Page<ScheduleView>> {
    const [[field, direction] = ['name', 'ASC']] = parseSort(query.sort, SORTABLE, 'name');
    const rows = (await this.store.list(this.schedules.names()))
      .filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(query.q?.toLowerCase() ?? ''))
      .map((row) => ScheduleView.of(row))
      .sort((left, right) => compare(left, right, field as keyof ScheduleView) * (direction === 'ASC' ? 1 : -1));
    const start = (query.page - 1) * query.pageSize;
    return Page.of(rows.slice(start, start + query.pageSize), rows.length, query);
  }

  async get(name: string): Promise<ScheduleView> {
    return ScheduleView.of(await this.find(name));
  }

  /** Has it done now, by whichever process looks first; its turns stay as they are. While it runs, it is done again after. */
  async run(name: string): Promise<ScheduleView> {
    await this.find(name);
    this.audit.describe({ resource: { type: 'schedule', id: name, name } });
    await this.store.request(name);
    return this.get(name);
  }

  private async find(name: string): Promise<ScheduleRow> {
    const [row] = this.schedules.names().includes(name) ? await this.store.list([name]) : [];
    if (!row) throw new NotFound('schedule', name);
    return row;
  }
}

const SORTABLE = { name: 'name', nextRunAt: 'nextRunAt', lastRunAt: 'lastRunAt' };

function compare(left: ScheduleView, right: ScheduleView, field: keyof ScheduleView): number {
  const [a, b] = [left[field], right[field]].map((value) =>
    value instanceof Date ? value.toISOString() : String(value ?? ''),
  );
  return (a as string) < (b as string) ? -1 : a === b ? 0 : 1;
}
