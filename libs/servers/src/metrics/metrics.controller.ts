import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
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

  /** Average, least and most of every figure over time; the last hour in 60 points unless asked otherwise. */
  @Get('history')
  @Allow('servers:read', { scope: 'id' })
  history(@Param() { id }: IdParams, @Query() query: HistoryQuery): Promise<HistoryView> {
    return this.metrics.history(id, query);
  }
}
