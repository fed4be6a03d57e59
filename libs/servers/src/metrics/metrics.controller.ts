import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { DevicesView } from './devices.view.js';
import { HistoryQuery } from './metrics.dto.js';
import { MetricsService } from './metrics.service.js';
import { HistoryView, MetricSampleView } from './metrics.view.js';

@Controller('servers/:id/metrics')
@ApiTags('Servers')
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  /** The newest sample; 404 `no_sample` when there is none yet. */
  @Get()
  @Allow('servers:read', { scope: 'id' })
  latest(@Param() { id }: IdParams): Promise<MetricSampleView> {
    return this.metrics.latest(id);
  }

  /** Each file system, disk and interface at the latest reading; 404 `no_sample` when no source has told of any. */
  @Get('devices')
  @Allow('servers:read', { scope: 'id' })
  devices(@Param() { id }: IdParams): Promise<DevicesView> {
    return this.metrics.devices(id);
  }

  /**
   * Average, least and most of every figure over time; the last hour in 60 points unless asked otherwise. More than a day is
   * answered in steps of whole five minutes.
   */
  @Get('history')
  @Allow('servers:read', { scope: 'id' })
  history(@Param() { id }: IdParams, @Query() query: HistoryQuery): Promise<HistoryView> {
    return this.metrics.history(id, query);
  }
}
