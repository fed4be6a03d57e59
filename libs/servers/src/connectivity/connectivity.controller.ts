import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { ConnectivityDto } from './connectivity.dto.js';
import { ConnectivityService } from './connectivity.service.js';
import { ConnectivityView } from './connectivity.view.js';

@Controller('servers/:id/connectivity')
@ApiTags('Servers')
export class ConnectivityController {
  constructor(private readonly connectivity: ConnectivityService) {}

  /**
   * Tries a TCP port of a server from EINFRA, at its IP address or else its host name. Needs the right to change the server: whoever
   * sets its address says where is connected to.
   */
  @Post()
  @HttpCode(200)
  @Allow('servers:write', { scope: 'id', action: 'server.connectivity' })
  check(@Param() { id }: IdParams, @Body() body: ConnectivityDto): Promise<ConnectivityView> {
    return this.connectivity.check(id, body);
  }
}
