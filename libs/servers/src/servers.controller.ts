import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiExtraModels, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, ApiPage, Cached, IdParams, IfMatch, Page } from '#core';
import { CACHED_SERVERS } from './cached-servers.js';
import { ConnectionTestView } from './connection-test.view.js';
import { ConnectionTestsService } from './connection-tests.service.js';
import { ServerView } from './server.view.js';
import {
  CreateServerDto,
  NodeExporterSourceDto,
  NoSourceDto,
  PushSourceDto,
  ServerListQuery,
  SshSourceDto,
  UpdateServerDto,
} from './servers.dto.js';
import { ServersService } from './servers.service.js';

@Controller('servers')
@ApiTags('Servers')
@ApiExtraModels(NodeExporterSourceDto, SshSourceDto, PushSourceDto, NoSourceDto)
export class ServersController {
  constructor(
    private readonly servers: ServersService,
    private readonly tests: ConnectionTestsService,
  ) {}

  /** Servers that the caller may see. */
  @Get()
  @Allow('servers:read', { scope: 'checked' })
  @Cached(CACHED_SERVERS)
  @ApiPage(ServerView)
  list(@Query() query: ServerListQuery): Promise<Page<ServerView>> {
    return this.servers.list(query);
  }

  /** One server. */
  @Get(':id')
  @Allow('servers:read', { scope: 'id' })
  @Cached(CACHED_SERVERS)
  get(@Param() { id }: IdParams): Promise<ServerView> {
    return this.servers.get(id);
  }

  /** Registers a server. It need not be reachable; with a source it is read at once and again 2 s later. */
  @Post()
  @Allow('servers:write', { scope: 'checked', action: 'server.create' })
  async create(@Body() body: CreateServerDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<ServerView> {
    const server = await this.servers.create(body);
    void reply.header('Location', `/api/servers/${server.id}`);
    return server;
  }

  /** Tries the source of a server that is not registered yet. Answers 200 also when that fails. */
  @Post('test')
  @HttpCode(200)
  @Allow('servers:write', { scope: 'checked', action: 'server.test' })
  test(@Body() body: CreateServerDto): Promise<ConnectionTestView> {
    return this.tests.testNew(body);
  }

  /** Tries the source of a registered server now. Answers 200 also when that fails. */
  @Post(':id/test')
  @HttpCode(200)
  @Allow('servers:write', { scope: 'id', action: 'server.test' })
  testSaved(@Param() { id }: IdParams): Promise<ConnectionTestView> {
    return this.tests.testSaved(id);
  }

  /** Changes the fields given; null clears. Moving a server to another environment needs the right in both. */
  @Patch(':id')
  @Allow('servers:write', { scope: 'id', action: 'server.update' })
  update(@Param() { id }: IdParams, @Body() body: UpdateServerDto, @IfMatch() version?: number): Promise<ServerView> {
    return this.servers.update(id, body, version);
  }

  /** Removes a server with its samples and the grants on it; its audit stays. */
  @Delete(':id')
  @HttpCode(204)
  @Allow('servers:write', { scope: 'id', action: 'server.delete' })
  remove(@Param() { id }: IdParams, @IfMatch() version?: number): Promise<void> {
    return this.servers.remove(id, version);
  }
}
