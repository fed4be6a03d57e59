import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { ExecDto } from './exec.dto.js';
import { ExecService } from './exec.service.js';
import { ExecView, RebootView } from './exec.view.js';

@Controller('servers/:id')
@ApiTags('Servers')
export class ExecController {
  constructor(private readonly commands: ExecService) {}

  /**
   * Runs a command and answers how it ended. For a terminal, get a ticket for `GET /api/servers/:id/exec` from
   * `POST /api/stream-tickets` and upgrade to a WebSocket.
   */
  @Post('exec')
  @HttpCode(200)
  @Allow('servers:exec', { scope: 'id', action: 'server.exec' })
  exec(@Param() { id }: IdParams, @Body() body: ExecDto): Promise<ExecView> {
    return this.commands.run(id, body);
  }

  /** Starts the machine again, at once. */
  @Post('reboot')
  @HttpCode(200)
  @Allow('servers:exec', { scope: 'id', action: 'server.reboot' })
  reboot(@Param() { id }: IdParams): Promise<RebootView> {
    return this.commands.reboot(id);
  }
}
