import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { EnvironmentParams, ThresholdsDto } from './thresholds.dto.js';
import { ThresholdsService } from './thresholds.service.js';
import { ServerThresholdsView, ThresholdFiguresView } from './thresholds.view.js';

@Controller()
@ApiTags('Servers')
export class ThresholdsController {
  constructor(private readonly thresholds: ThresholdsService) {}

  /** From where on the server is degraded. */
  @Get('servers/:id/thresholds')
  @Allow('servers:read', { scope: 'id' })
  ofServer(@Param() { id }: IdParams): Promise<ServerThresholdsView> {
    return this.thresholds.ofServer(id);
  }

  /** Replaces the server's own thresholds; what is left out is up to its environment, null is never. */
  @Put('servers/:id/thresholds')
  @Allow('servers:write', { scope: 'id', action: 'server.thresholds.update' })
  setForServer(@Param() { id }: IdParams, @Body() body: ThresholdsDto): Promise<ServerThresholdsView> {
    return this.thresholds.setForServer(id, body);
  }

  /** From where on servers of an environment are degraded, unless they have thresholds of their own. */
  @Get('environments/:name/thresholds')
  @Allow('servers:read', { scope: 'checked' })
  ofEnvironment(@Param() { name }: EnvironmentParams): Promise<ThresholdFiguresView> {
    return this.thresholds.ofEnvironment(name);
  }

  /** Replaces the thresholds of an environment. */
  @Put('environments/:name/thresholds')
  @Allow('servers:write', { scope: 'checked', action: 'environment.thresholds.update' })
  setForEnvironment(@Param() { name }: EnvironmentParams, @Body() body: ThresholdsDto): Promise<ThresholdFiguresView> {
    return this.thresholds.setForEnvironment(name, body);
  }
}
