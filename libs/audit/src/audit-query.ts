import { DEAD_AFTER_SECONDS, isUuid, prepared } from '#core';
import { SHOWN_COLUMNS } from './audit-row.js';
import type { AuditFilter } from './audit.dto.js';
import type { AuditOutcome } from './audit.view.js';

/** Entries with numbers between the two, exclusively. */
export interface SeqRange {
  above: number;
  below: number;
}

interface Statement {
  sql: string;
  parameters: unknown[];
}

/** A page as the API gives it unless asked for another length, and the entry that says whether there are more. */
const USUAL_LIMIT = 51;

/** Whether the process of an intent can still be working on it. */
const ALIVE = `EXISTS (SELECT 1 FROM instances i WHERE i.id = e.instance_id AND i.seen_at > now() - interval '${DEAD_AFTER_SECONDS} seconds')`;

const STORED: readonly AuditOutcome[] = ['succeeded', 'failed', 'refused'];

/** Finished entries, newest first; null when the filter wants none. */
export function finishedEntries(filter: AuditFilter, { above, below }: SeqRange, limit: number): Statement | null {
  const outcomes = filter.outcome?.filter((outcome) => STORED.includes(outcome));
  if (outcomes?.length === 0) return null;
  const where = new Conditions(`e.phase <> 'intent'`).between('e.entry_seq', above, below).matching(filter);
  // equality, where it will do, keeps the order of the index
  if (outcomes?.length === 1) where.add('e.outcome =', outcomes[0]);
  else if (outcomes && outcomes.length < STORED.length) where.addAny('e.outcome', outcomes);
  return where.select(`e.entry_seq DESC`, limit, 'false AS alive');
}

/** Intents without an outcome, newest first; null when the filter wants none. */
export function openEntries(filter: AuditFilter, { above, below }: SeqRange, limit: number): Statement | null {
  const pending = filter.outcome?.includes('pending') ?? true;
  const unknown = filter.outcome?.includes('unknown') ?? true;
  if (!pending && !unknown) return null;
  const where = new Conditions(`e.phase = 'intent'`).between('e.seq', above, below).matching(filter);
  // asked row by row (NOT EXISTS may become a join with the whole log): the range is short, and whatever the plan was made for
  where.and(`(SELECT true FROM audit_entries o WHERE o.phase <> 'intent' AND o.entry_seq = e.seq) IS NULL`);
  if (pending !== unknown) where.and(pending ? ALIVE : `NOT ${ALIVE}`);
  return where.select('e.seq DESC', limit, `${ALIVE} AS alive`);
}

/** The entry of an action: its last row. */
export const ENTRY_OF_ACTION = `SELECT ${SHOWN_COLUMNS}, ${ALIVE} AS alive FROM audit_entries e WHERE action_id = $1 ORDER BY seq DESC LIMIT 1`;

/** The first number at or after a time. Times never decrease with numbers. */
export const FIRST_SEQ_SINCE = 'SELECT seq FROM audit_entries WHERE at >= $1 ORDER BY at, seq LIMIT 1';

/** Conditions of ours with values of the caller, which only ever become parameters. */
class Conditions {
  private readonly texts: string[];
  private readonly parameters: unknown[] = [];

  constructor(first: string) {
    this.texts = [first];
  }

  and(condition: string): this {
    this.texts.push(condition);
    return this;
  }

  add(comparison: string, value: unknown): this {
    if (value === undefined) return this;
    this.parameters.push(value);
    return this.and(`${comparison} $${this.parameters.length}`);
  }

  addAny(column: string, values: readonly unknown[]): this {
    this.parameters.push(values);
    return this.and(`${column} = ANY($${this.parameters.length})`);
  }

  between(column: string, above: number, below: number): this {
    return this.add(`${column} >`, above).add(`${column} <`, below);
  }

  matching({ actor, action, resourceType, resourceId }: AuditFilter): this {
    if (actor !== undefined)
      this.add(isUuid(actor) ? 'e.actor_id =' : 'e.actor_name =', isUuid(actor) ? actor.toLowerCase() : actor);
    if (action?.endsWith('.*')) {
      const prefix = action.slice(0, -1);
      // the column sorts by bytes: everything with the prefix lies between it and the prefix with its dot raised to the next character
      this.add('e.action >=', prefix).add('e.action <', `${prefix.slice(0, -1)}/`);
    } else this.add('e.action =', action);
    return this.add('e.resource_type =', resourceType).add('e.resource_id =', resourceId);
  }

  select(order: string, limit: number, more: string): Statement {
    const columns = SHOWN_COLUMNS.replace(/\w+/g, 'e.$&');
    const sql = `SELECT ${columns}, ${more} FROM audit_entries e WHERE ${this.texts.join(' AND ')} ORDER BY ${order} LIMIT ${limit}`;
    // with a filter, the best plan depends on its values; of other lengths there are too many to keep
    const usual = this.parameters.length === 2 && limit === USUAL_LIMIT;
    return { sql: usual ? prepared(sql) : sql, parameters: this.parameters };
  }
}
