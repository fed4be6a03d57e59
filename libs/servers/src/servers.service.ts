import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, Repository, type SelectQueryBuilder } from 'typeorm';
import { SystemGrants } from '#auth';
import {
  Access,
  AuditTrail,
  Cache,
  Conflict,
  fetchPage,
  likeText,
  NotFound,
  type Page,
  PreconditionFailed,
  withinReach,
} from '#core';
import { CACHED_SERVERS } from './cached-servers.js';
import { addPoll, restartPoll } from './polling/poll-rows.js';
import { Server } from './server.entity.js';
import { ServerView } from './server.view.js';
import type { CreateServerDto, ServerListQuery, UpdateServerDto } from './servers.dto.js';
import { changesOf, factsOf, settle } from './server-changes.js';
import { SourceCheck } from './source-check.js';

const SORTABLE = {
  name: 's.name',
  createdAt: 's.createdAt',
  updatedAt: 's.updatedAt',
  status: 's.status',
  environment: 's.environment',
  hostname: 's.hostname',
  lastSeenAt: 's.lastSeenAt',
};

/** The registered servers. */
@Injectable()
export class ServersService {
  constructor(
    @InjectRepository(Server) private readonly servers: Repository<Server>,
    private readonly dataSource: DataSource,
    private readonly access: Access,
    private readonly audit: AuditTrail,
    private readonly grants: SystemGrants,
    private readonly sources: SourceCheck,
    private readonly cache: Cache,
  ) {}

  list(query: ServerListQuery): Promise<Page<ServerView>> {
    const builder = withinReach(this.servers.createQueryBuilder('s'), this.access.reach('servers:read'));
    return fetchPage(filter(builder, query), query, SORTABLE, 'name', (server) => ServerView.of(server));
  }

  async get(id: string): Promise<ServerView> {
    return ServerView.of(await this.find(id));
  }

  /** The server. Throws NotFound. */
  async find(id: string): Promise<Server> {
    const server = await this.servers.findOneBy({ id });
    if (!server) throw new NotFound('server', id);
    return server;
  }

  /** Registers a server; it need not be reachable. It is read at once, and again 2 s later. */
  async create(input: CreateServerDto): Promise<ServerView> {
    this.access.require('servers:write', { kind: 'server', environment: input.environment ?? null });
    const source = this.sources.accept(input.source);
    const id = randomUUID();
    this.audit.describe({ resource: { type: 'server', id, name: input.name } });
    const server = this.servers.create({ id, ...settle(input), name: input.name, source });
    await this.dataSource.transaction(async (manager) => {
      await this.refuseTakenName(manager, server);
      await manager.insert(Server, server);
      await addPoll(manager, server);
    });
    await this.cache.invalidate(...CACHED_SERVERS.tags);
    this.audit.describe({ after: factsOf(server) });
    return this.get(id);
  }

  /** Changes the fields given. `version` is that of If-Match. */
  async update(id: string, input: UpdateServerDto, version?: number): Promise<ServerView> {
    const view = await this.dataSource.transaction(async (manager) => {
      const server = await this.lock(manager, id, version);
      const changes = changesOf(server, input, this.sources);
      if (changes.environment !== undefined) {
        // a move needs the right on both sides; a grant on this server alone says nothing about the other one
        this.access.require('servers:write', { kind: 'server', environment: changes.environment });
      }
      if (Object.keys(changes).length === 0) return ServerView.of(server);
      const before = factsOf(server);
      Object.assign(server, changes, { version: server.version + 1, updatedAt: new Date() });
      if (changes.name !== undefined) await this.refuseTakenName(manager, server);
      await manager.save(server);
      if (changes.source || changes.status) await restartPoll(manager, server);
      this.audit.describe({ before, after: factsOf(server) });
      return ServerView.of(server);
    });
    await this.cache.invalidate(...CACHED_SERVERS.tags);
    return view;
  }

  /** Removes a server with the grants on it. Its samples go soon after. */
  async remove(id: string, version?: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const server = await this.lock(manager, id, version);
      this.audit.describe({ before: factsOf(server) });
      await manager.delete(Server, { id });
      await this.grants.removeAll(manager, id);
      await manager.query('INSERT INTO server_sample_removals (server_id) VALUES ($1)', [id]);
    });
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

  /** The index on names refuses too, but can't say which field it is about. */
  private async refuseTakenName(manager: EntityManager, { id, name }: Server): Promise<void> {
    const taken = await manager
      .createQueryBuilder(Server, 's')
      .where('lower(s.name) = lower(:name) AND s.id <> :id', { name, id })
      .getExists();
    if (taken)
      throw new Conflict('A server with this name already exists.', {
        errors: [{ pointer: '/name', message: 'is taken' }],
      });
  }
}

function filter(builder: SelectQueryBuilder<Server>, query: ServerListQuery): SelectQueryBuilder<Server> {
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
