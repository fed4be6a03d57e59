import { isDeepStrictEqual } from 'node:util';
import { ValidationFailed } from '#core';
import type { Server } from './server.entity.js';
import type { ServerFieldsDto, UpdateServerDto } from './servers.dto.js';
import type { SourceCheck } from './source-check.js';

const NULLABLE = [
  'hostname',
  'ipAddress',
  'environment',
  'location',
  'provider',
  'os',
  'cpuCores',
  'memoryBytes',
  'diskBytes',
] as const;

/** Fields that people set, as they are stored. */
type Settled = Partial<Pick<Server, (typeof NULLABLE)[number] | 'description' | 'tags'>>;

/** The fields given, with null where that clears; fields that can't be null get what is empty for them. */
export function settle(input: ServerFieldsDto): Settled {
  const given: Settled = {};
  for (const field of NULLABLE) if (input[field] !== undefined) Object.assign(given, { [field]: input[field] });
  if (input.description !== undefined) given.description = input.description ?? '';
  if (input.tags !== undefined) given.tags = input.tags ?? [];
  return given;
}

/** What a PATCH really changes of a server: fields that are as they should be already are not in it. */
export function changesOf(
  server: Server,
  input: UpdateServerDto,
  sources: SourceCheck,
  ssh: Partial<Pick<Server, 'ssh' | 'sealedSsh'>>,
): Partial<Server> {
  const wanted: Partial<Server> = { ...settle(input), ...ssh };
  if (input.name !== undefined) wanted.name = input.name;
  if (input.source !== undefined) wanted.source = sources.accept(input.source);
  if (input.maintenance === true) wanted.status = 'maintenance';
  if (input.maintenance === false && server.status === 'maintenance') wanted.status = 'unknown';
  const changes = Object.fromEntries(
    Object.entries(wanted).filter(([field, value]) => !isDeepStrictEqual(value, server[field as keyof Server])),
  ) as Partial<Server>;
  const after = { ...server, ...changes };
  refuseMissingSsh(after);
  const reached = after.source.type === 'ssh' && (changes.ssh !== undefined || changes.sealedSsh !== undefined);
  const restarted = reached || changes.status !== undefined || changes.source !== undefined;
  if (restarted && changes.status === undefined && server.status !== 'maintenance') changes.status = 'unknown';
  return restarted ? { ...changes, statusReason: null } : changes;
}

/** A source that reads by SSH needs to know how. */
export function refuseMissingSsh({ source, ssh }: Pick<Server, 'source' | 'ssh'>): void {
  if (source.type === 'ssh' && !ssh) throw ValidationFailed.at('/ssh', 'is required for a source of type ssh');
}

/** What the audit log shows of a server. */
export function factsOf(server: Server): object {
  const { name, description, environment, tags, source, ssh, status } = server;
  return {
    name,
    description,
    environment,
    tags,
    ...Object.fromEntries(NULLABLE.map((field) => [field, server[field]])),
    source,
    ssh,
    status,
  };
}
