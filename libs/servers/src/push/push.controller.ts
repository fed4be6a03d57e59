import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { PushMetricsDto } from './push.dto.js';
import { PushService } from './push.service.js';
import { PushResultView } from './push.view.js';

@Controller('servers/:id/metrics')
@ApiTags('Servers')
export class PushController {
  constructor(private readonly pushes: PushService) {}

  /**
   * Takes one sample, or several as `samples`, of a server whose source is `push`. Samples may come late, twice and in any order; what
   * can't be kept is named. An API token limited to `servers:push` on the server is all that its sender needs. Samples are not in the
   * audit log; refusals are.
   */
  @Post()
  @HttpCode(200)
  @Allow('servers:push', { scope: 'id', telemetry: true })
  push(@Param() { id }: IdParams, @Body() body: PushMetricsDto): Promise<PushResultView> {
    return this.pushes.push(id, body);
  }
}
