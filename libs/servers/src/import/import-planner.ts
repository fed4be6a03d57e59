import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Access, InputPipe, type InputError, OutboundRefused, ValidationFailed } from '#core';
import { refuseMissingSsh } from '../server-changes.js';
import { SourceCheck } from '../source-check.js';
import { CreateServerDto } from '../servers.dto.js';
import type { RawRow } from './read-csv.js';

/** What is to be done with a row. */
export type PlannedRow = { row: number; name: string | null } & (
  | { action: 'create'; input: CreateServerDto }
  | { action: 'update'; input: CreateServerDto; id: string }
  | { action: 'invalid'; errors: InputError[] }
);

interface Known {
  id: string;
  name: string;
  environment: string | null;
  source: { type: string };
  ssh: object | null;
}

/** After so many rows others get their turn. */
const PAUSE_EVERY = 50;
const MAX_ERRORS = 10;

/** Says what is to be done with rows, by the rights of the caller. Writes nothing. */
@Injectable()
export class ImportPlanner {
  private readonly pipe = new InputPipe();

  constructor(
    private readonly access: Access,
    private readonly sources: SourceCheck,
  ) {}

  /** `first` is the number of the first row; `seen` has the names of the rows before, with their numbers, and gets those of these. */
  async plan(
    manager: EntityManager,
    rows: readonly RawRow[],
    {
      update,
      first = 1,
      seen = new Map<string, number>(),
    }: { update: boolean; first?: number; seen?: Map<string, number> },
  ): Promise<PlannedRow[]> {
    const read: { row: number; input: CreateServerDto | InputError[]; name: string | null }[] = [];
    for (const [index, raw] of rows.entries()) {
      if (index % PAUSE_EVERY === PAUSE_EVERY - 1) await new Promise(setImmediate);
      read.push({ row: first + index, input: await this.read(raw), name: nameOf(raw) });
    }
    const known = await findByName(
      manager,
      read.flatMap(({ input }) => (Array.isArray(input) ? [] : [input.name])),
    );
    return read.map(({ row, input, name }): PlannedRow => {
      if (Array.isArray(input)) return { row, name, action: 'invalid', errors: input.slice(0, MAX_ERRORS) };
      const there = known.get(input.name);
      const errors = this.mistakes(row, input, there, update, seen);
      if (errors.length > 0) return { row, name, action: 'invalid', errors };
      return there ? { row, name, action: 'update', input, id: there.id } : { row, name, action: 'create', input };
    });
  }

  /** The row as the class that POST /api/servers takes, or its mistakes. */
  private async read(raw: RawRow): Promise<CreateServerDto | InputError[]> {
    if (raw.mistake !== undefined) return [{ pointer: '', message: raw.mistake }];
    try {
      const input = (await this.pipe.transform(raw.input, {
        type: 'body',
        metatype: CreateServerDto,
      })) as CreateServerDto;
      return input.ssh === undefined
        ? input
        : [{ pointer: '/ssh', message: 'is not imported: it is set for each server' }];
    } catch (error) {
      if (error instanceof ValidationFailed) return error.errors ?? [];
      throw error;
    }
  }

  private mistakes(
    row: number,
    input: CreateServerDto,
    there: Known | undefined,
    update: boolean,
    seen: Map<string, number>,
  ): InputError[] {
    const twin = seen.get(folded(input.name));
    seen.set(folded(input.name), twin ?? row);
    if (twin !== undefined) return [{ pointer: '/name', message: `is that of row ${twin} already` }];
    if (there && !(update && this.may('servers:read', there))) return [{ pointer: '/name', message: 'is taken' }];
    if (there && !this.may('servers:write', there))
      return [{ pointer: '/name', message: 'is of a server that may not be changed: that needs servers:write' }];
    const environment = input.environment === undefined && there ? there.environment : (input.environment ?? null);
    if ((!there || environment !== there.environment) && !this.may('servers:write', { environment }))
      return [{ pointer: '/environment', message: 'is not open to the caller: that needs servers:write there' }];
    return this.sourceMistakes(input, there);
  }

  private sourceMistakes(input: CreateServerDto, there: Known | undefined): InputError[] {
    try {
      if (input.source)
        refuseMissingSsh({ source: this.sources.accept(input.source), ssh: (there?.ssh ?? null) as never });
      return [];
    } catch (error) {
      if (error instanceof ValidationFailed) return error.errors ?? [];
      if (error instanceof OutboundRefused) return [{ pointer: '/source/url', message: error.message }];
      throw error;
    }
  }

  private may(
    permission: 'servers:read' | 'servers:write',
    { id, environment }: { id?: string; environment: string | null },
  ): boolean {
    return this.access.grantFor(permission, { kind: 'server', id, environment }) !== null;
  }
}

/** The servers that have these names, by the name as it was given: what is the same name, the database decides. */
async function findByName(manager: EntityManager, names: string[]): Promise<Map<string, Known>> {
  if (names.length === 0) return new Map();
  const rows: (Known & { given: string })[] = await manager.query(
    `SELECT given, s.id, s.name, s.environment, s.source, s.ssh FROM unnest($1::text[]) given
       JOIN servers s ON lower(s.name) = lower(given COLLATE "und-x-icu")`,
    [names],
  );
  return new Map(rows.map((row) => [row.given, row]));
}

function folded(name: string): string {
  return name.toLowerCase();
}

function nameOf({ input }: RawRow): string | null {
  const name = (input as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' ? name.slice(0, 100).toWellFormed().replaceAll('\u0000', '') : null;
}
