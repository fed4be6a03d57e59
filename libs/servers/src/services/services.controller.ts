import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Allow, ApiPage, IdParams, Page } from '#core';
import { JournalService } from './journal.service.js';
import { ListedServiceView, ServiceChangeView, ServiceView } from './service.view.js';
import { JournalQuery, ServiceListQuery, ServiceParams } from './services.dto.js';
import { ServicesService } from './services.service.js';

@Controller('servers/:id/services')
@ApiTags('Server services')
export class ServicesController {
  constructor(
    private readonly services: ServicesService,
    private readonly journal: JournalService,
  ) {}

  /** systemd services, loaded or installed. 409 `no_ssh` without an SSH connection, `no_systemd` where something else runs the machine. */
  @Get()
  @Allow('servers:read', { scope: 'id' })
  @ApiPage(ListedServiceView)
  list(@Param() { id }: IdParams, @Query() query: ServiceListQuery): Promise<Page<ListedServiceView>> {
    return this.services.list(id, query);
  }

  /** One service. */
  @Get(':unit')
  @Allow('servers:read', { scope: 'id' })
  get(@Param() { id, unit }: ServiceParams): Promise<ServiceView> {
    return this.services.get(id, unit);
  }

  /** Starts a service; one that is active is left alone. */
  @Post(':unit/start')
  @HttpCode(200)
  @Allow('servers:services', { scope: 'id', action: 'service.start' })
  start(@Param() { id, unit }: ServiceParams): Promise<ServiceChangeView> {
    return this.services.act(id, unit, 'start');
  }

  /** Stops a service; one that is not active is left alone. */
  @Post(':unit/stop')
  @HttpCode(200)
  @Allow('servers:services', { scope: 'id', action: 'service.stop' })
  stop(@Param() { id, unit }: ServiceParams): Promise<ServiceChangeView> {
    return this.services.act(id, unit, 'stop');
  }

  /** Stops a service and starts it again; one that is not active is started. */
  @Post(':unit/restart')
  @HttpCode(200)
  @Allow('servers:services', { scope: 'id', action: 'service.restart' })
  restart(@Param() { id, unit }: ServiceParams): Promise<ServiceChangeView> {
    return this.services.act(id, unit, 'restart');
  }

  /** Has a service start with the machine. */
  @Post(':unit/enable')
  @HttpCode(200)
  @Allow('servers:services', { scope: 'id', action: 'service.enable' })
  enable(@Param() { id, unit }: ServiceParams): Promise<ServiceChangeView> {
    return this.services.act(id, unit, 'enable');
  }

  /** Has a service no longer start with the machine. */
  @Post(':unit/disable')
  @HttpCode(200)
  @Allow('servers:services', { scope: 'id', action: 'service.disable' })
  disable(@Param() { id, unit }: ServiceParams): Promise<ServiceChangeView> {
    return this.services.act(id, unit, 'disable');
  }

  /** The journal of a service: server-sent events for `text/event-stream`, each with `at`, `message`, `priority` and `pid`; else text. */
  @Get(':unit/logs')
  @Allow('servers:services', { scope: 'id' })
  @ApiOkResponse({
    description: 'Lines of the journal, the newest last.',
    content: { 'text/event-stream': { schema: { type: 'string' } }, 'text/plain': { schema: { type: 'string' } } },
  })
  logs(
    @Param() { id, unit }: ServiceParams,
    @Query() query: JournalQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.journal.send(id, unit, query, request, reply);
  }
}
