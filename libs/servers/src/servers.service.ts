import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, Repository, type SelectQueryBuilder } from 'typeorm';
import { SystemGrants } from '#auth';
import {
  Access,
  AuditTrail,
  Cache,
  Events,
  fetchPage,
  findRow,
  likeText,
  type NewEvent,
  NotFound,
  Operations,
  type Page,
  PreconditionFailed,
  type Reach,
  type SystemStatus,
  withinReach,
} from '#core';
import { CACHED_SERVERS } from './cached-servers.js';
import { addPolls, restartPoll } from './polling/poll-rows.js';
import { Server } from './server.entity.js';
import { serverEvent, statusChanged } from './server-events.js';
import { ServerView } from './server.view.js';
import type { CreateServerDto, ServerFilter, ServerListQuery, UpdateServerDto } from './servers.dto.js';
import { changesOf, factsOf, refuseMissingSsh, settle } from './server-changes.js';
import { SourceCheck } from './source-check.js';
import { SshVault } from './ssh/ssh-vault.js';
import { isTakenName, nameTaken } from './taken-name.js';

const SORTABLE = {
  name: 's.name',
  createdAt: 's.createdAt',
  updatedAt: 's.updatedAt',
  status: 's.status',
  environment: 's.environment',
  hostname: 's.hostname',
  lastSeenAt: 's.lastSeenAt',
};

/** Servers that are read at a time for an export. */
const BATCH = 1_000;

/** The registered servers. */
@Injectable()
export class ServersService {
  constructor(
    @InjectRepository(Server) private readonly servers: Repository<Server>,
    private readonly dataSource: DataSource,
    private readonly access: Access,
    private readonly audit: AuditTrail,
    private readonly events: Events,
    private readonly operations: Operations,
    private readonly grants: SystemGrants,
    private readonly sources: SourceCheck,
    private readonly cache: Cache,
    private readonly vault: SshVault,
  ) {}

  list(query: ServerListQuery): Promise<Page<ServerView>> {
    const builder = withinReach(this.servers.createQueryBuilder('s'), this.access.reach('servers:read'));
    return fetchPage(filter(builder, query), query, SORTABLE, 'name', (server) => ServerView.of(server));
  }

  async get(id: string): Promise<ServerView> {
    return ServerView.of(await this.find(id));
  }

  /** All servers that the caller sees and `filter` admits, by name, a thousand at a time; no query stays open in between. */
  batches(filtered: ServerFilter): AsyncGenerator<Server[]> {
    // asked now: the batches are read while the answer is sent, when nobody's request is being answered any more
    return this.batchesWithin(this.access.reach('servers:read'), filtered);
  }

  private async *batchesWithin(reach: Reach, filtered: ServerFilter): AsyncGenerator<Server[]> {
    for (let last: Server | undefined; ;) {
      const builder = filter(withinReach(this.servers.createQueryBuilder('s'), reach), filtered);
      if (last) builder.andWhere('(s.name, s.id) > (:name, :id)', { name: last.name, id: last.id });
      const servers = await builder.orderBy('s.name').addOrderBy('s.id').limit(BATCH).getMany();
      if (servers.length > 0) yield servers;
      if (servers.length < BATCH) return;
      last = servers.at(-1);
    }
  }

  /** The server. Throws NotFound. */
  async find(id: string): Promise<Server> {
    const server = await findRow(this.servers, id);
    if (!server) throw new NotFound('server', id);
    return server;
  }

  /** Registers a server; it need not be reachable. It is read at once, and again 2 s later. */
  async create(input: CreateServerDto): Promise<ServerView> {
    this.access.require('servers:write', { kind: 'server', environment: input.environment ?? null });
    const source = this.sources.accept(input.source);
    const id = randomUUID();
    const ssh = this.vault.sealNew(id, input.ssh);
    refuseMissingSsh({ source, ssh: ssh.ssh });
    this.audit.describe({ resource: { type: 'server', id, name: input.name } });
    const server = this.servers.create({ id, ...settle(input), name: input.name, source, ...ssh });
    try {
      await this.dataSource.transaction((manager) => this.insert(manager, [server]));
    } catch (error) {
      throw isTakenName(error) ? nameTaken(error) : error;
    }
    await this.forgetCached();
    this.audit.describe({ after: factsOf(server) });
    return this.get(id);
  }

  /**
   * Registers many, whose names are free and whose environments are the caller's to write in; the caller calls `forgetCached` after
   * the transaction. How they are reached by SSH isn't among it.
   */
  async createMany(manager: EntityManager, inputs: readonly CreateServerDto[]): Promise<Server[]> {
    const servers = inputs.map((input) =>
      this.servers.create({
        id: randomUUID(),
        ...settle(input),
        name: input.name,
        source: this.sources.accept(input.source),
      }),
    );
    await this.insert(manager, servers);
    return servers;
  }

  private async insert(manager: EntityManager, servers: Server[]): Promise<void> {
    if (servers.length === 0) return;
    await manager.insert(Server, servers);
    await addPolls(manager, servers);
    await this.events.publish(manager, ...servers.map((server) => serverEvent('server.created', server, {})));
  }

  /** Changes the fields given. `version` is that of If-Match. */
  async update(id: string, input: UpdateServerDto, version?: number): Promise<ServerView> {
    return (await this.change(id, () => input, version)).server;
  }

  /** As `update`, with a change that may depend on how the server is; whether there was anything to change. */
  async change(
    id: string,
    changeOf: (server: Server) => UpdateServerDto,
    version?: number,
  ): Promise<{ server: ServerView; changed: boolean }> {
    const changed = await this.dataSource.transaction((manager) => this.changeIn(manager, id, changeOf, version));
    if (changed.changed) await this.forgetCached();
    return changed;
  }

  /** As `change`, in a transaction of the caller's, who calls `forgetCached` after it. What it throws leaves the transaction usable. */
  async changeIn(
    manager: EntityManager,
    id: string,
    changeOf: (server: Server) => UpdateServerDto,
    version?: number,
  ): Promise<{ server: ServerView; changed: boolean }> {
    const server = await this.lock(manager, id, version);
    const input = changeOf(server);
    const changes = changesOf(server, input, this.sources, await this.vault.change(manager, id, input.ssh));
    if (changes.environment !== undefined) {
      // a move needs the right on both sides; a grant on this server alone says nothing about the other one
      this.access.require('servers:write', { kind: 'server', environment: changes.environment });
    }
    if (Object.keys(changes).length === 0) return { server: ServerView.of(server), changed: false };
    const before = { ...factsOf(server), status: server.status };
    Object.assign(server, changes, { version: server.version + 1, updatedAt: new Date() });
    if (changes.name !== undefined) await this.refuseTakenName(manager, server);
    await manager.save(server);
    if (changes.source || changes.status) await restartPoll(manager, server);
    await this.events.publish(manager, ...changeEvents(server, changes, before));
    this.audit.describe({ before, after: factsOf(server) });
    return { server: ServerView.of(server), changed: true };
  }

  /** Removes a server with the grants on it. Its samples go soon after. */
  async remove(id: string, version?: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const server = await this.lock(manager, id, version);
      this.audit.describe({ before: factsOf(server) });
      await manager.delete(Server, { id });
      await this.grants.removeAll(manager, id);
      await this.operations.cancelForSystem(manager, 'server', id);
      await this.events.publish(manager, serverEvent('server.deleted', server, {}));
      await manager.query('INSERT INTO server_sample_removals (server_id) VALUES ($1)', [id]);
    });
    await this.forgetCached();
  }

  /** Makes cached reads of servers count for nothing. Call it after a transaction that changed some. */
  async forgetCached(): Promise<void> {
    await this.cache.invalidate(...CACHED_SERVERS.tags);
  }

  /** The row, locked until the transaction ends. The environment may have changed since the guard looked. */
  private async lock(manager: EntityManager, id: string, version: number | undefined): Promise<Server> {
    const server = await manager.findOne(Server, { where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!server) throw new NotFound('server', id);
    this.audit.describe({ resource: { type: 'server', id, name: server.name } });
    this.access.require('servers:write', { kind: 'server', id, environment: server.environment });
    if (version !== undefined && version !== server.version) throw new PreconditionFailed();
    return server;
  }

  /** Asked before, since the transaction may have to go on after a refusal. */
  private async refuseTakenName(manager: EntityManager, { id, name }: Server): Promise<void> {
    const taken = await manager
      .createQueryBuilder(Server, 's')
      .where('lower(s.name) = lower(:name) AND s.id <> :id', { name, id })
      .getExists();
    if (taken) throw nameTaken();
  }
}

function filter(builder: SelectQueryBuilder<Server>, query: ServerFilter): SelectQueryBuilder<Server> {
  const { status, environment, os, tag, tagAll, q } = query;
  if (status) builder.andWhere('s.status = ANY(:status)', { status });
  if (environment) builder.andWhere('s.environment = ANY(:environment)', { environment });
  if (os) builder.andWhere('s.os ILIKE ANY(:os)', { os: os.map(likeText) });
  if (tag) builder.andWhere('s.tags && CAST(:tag AS text[])', { tag });
  if (tagAll) builder.andWhere('s.tags @> CAST(:tagAll AS text[])', { tagAll });
  if (!q) return builder;
  const fields = ['s.name', 's.hostname', 's.ipAddress', 's.description'];
  return builder.andWhere(
    new Brackets((where) => fields.forEach((field) => where.orWhere(`${field} ILIKE :text`, { text: likeText(q) }))),
  );
}

/** What a change by people says of itself: the fields, and the status when it is another one. */
function changeEvents(server: Server, changes: Partial<Server>, before: { status: SystemStatus }): NewEvent[] {
  const named = Object.keys(changes).map((field) => (field === 'sealedSsh' ? 'ssh' : field));
  const fields = [...new Set(named)].filter((field) => field !== 'status' && field !== 'statusReason');
  const { status, statusReason: reason } = server;
  return [
    ...(fields.length > 0 ? [serverEvent('server.updated', server, { changed: fields })] : []),
    ...(status !== before.status ? [statusChanged(server, before.status, { status, reason })] : []),
  ];
}
