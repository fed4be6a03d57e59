import { Injectable } from '@nestjs/common';
import {
  Access,
  type Count,
  Page,
  type PageQuery,
  type Reach,
  type SystemCounts,
  SystemDirectory,
  type SystemKind,
  ValidationFailed,
} from '#core';
import { type LabelCountView, type OverviewView, StatusCountsView } from './overview.view.js';

/** Counts over all kinds of systems, each as far as the caller sees it. */
@Injectable()
export class OverviewService {
  constructor(
    private readonly systems: SystemDirectory,
    private readonly access: Access,
  ) {}

  async overview(): Promise<OverviewView> {
    const counted = await this.ofEachKind((counts, reach) => counts.statuses(reach));
    const kinds = counted.map(([kind, counts]) => ({ kind, total: sum(counts), statuses: statusesOf(counts) }));
    const all = counted.flatMap(([, counts]) => counts);
    return { total: sum(all), statuses: statusesOf(all), kinds };
  }

  environments(query: PageQuery): Promise<Page<LabelCountView>> {
    return this.labels(query, (counts, reach) => counts.environments(reach));
  }

  tags(query: PageQuery): Promise<Page<LabelCountView>> {
    return this.labels(query, (counts, reach) => counts.tags(reach));
  }

  private async labels(
    query: PageQuery,
    read: (counts: SystemCounts, reach: Reach) => Promise<Count[]>,
  ): Promise<Page<LabelCountView>> {
    const order = orderOf(query.sort);
    const labels = new Map<string, LabelCountView>();
    for (const [kind, counts] of await this.ofEachKind(read)) {
      for (const { key, count } of counts) {
        const label = labels.get(key) ?? { name: key, total: 0, kinds: {} };
        label.total += count;
        label.kinds[kind] = count;
        labels.set(key, label);
      }
    }
    const text = query.q?.toLowerCase() ?? '';
    const found = [...labels.values()].filter(({ name }) => name.toLowerCase().includes(text)).sort(order);
    const first = (query.page - 1) * query.pageSize;
    return Page.of(found.slice(first, first + query.pageSize), found.length, query);
  }

  private ofEachKind<T>(read: (counts: SystemCounts, reach: Reach) => Promise<T>): Promise<[SystemKind, T][]> {
    return Promise.all(
      this.systems
        .counted()
        .map(async ([kind, counts]): Promise<[SystemKind, T]> => [
          kind,
          await read(counts, this.access.reach(counts.permission)),
        ]),
    );
  }
}

const names = new Intl.Collator('en');
const byName = (a: LabelCountView, b: LabelCountView): number =>
  names.compare(a.name, b.name) || (a.name < b.name ? -1 : Number(a.name > b.name));

const ORDERS: Readonly<Record<string, (a: LabelCountView, b: LabelCountView) => number>> = {
  name: byName,
  '-name': (a, b) => byName(b, a),
  total: (a, b) => a.total - b.total || byName(a, b),
  '-total': (a, b) => b.total - a.total || byName(a, b),
};

function orderOf(sort = 'name'): (a: LabelCountView, b: LabelCountView) => number {
  const order = Object.hasOwn(ORDERS, sort) ? ORDERS[sort] : undefined;
  if (!order) throw ValidationFailed.at('?sort', 'can’t sort by this field; fields are name, total');
  return order;
}

function sum(counts: readonly Count[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}

function statusesOf(counts: readonly Count<keyof StatusCountsView>[]): StatusCountsView {
  const statuses = new StatusCountsView();
  for (const { key, count } of counts) statuses[key] += count;
  return statuses;
}
