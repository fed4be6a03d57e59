import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiTags } from '@nestjs/swagger';
import { Allow } from '../access/allow.decorator.js';
import { PageQuery } from '../lists/page.dto.js';
import { ApiPage, Page } from '../lists/page.js';
import { ScheduleView } from './schedule.view.js';
import { ScheduleParams } from './schedules.dto.js';
import { SchedulesService } from './schedules.service.js';

@Controller('schedules')
@ApiTags('Schedules')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  /** What EINFRA does again and again, with the last time and the next. */
  @Get()
  @Allow('schedules:write')
  @ApiPage(ScheduleView)
  list(@Query() query: PageQuery): Promise<Page<ScheduleView>> {
    return this.schedules.list(query);
  }

  /** One schedule. */
  @Get(':name')
  @Allow('schedules:write')
  get(@Param() { name }: ScheduleParams): Promise<ScheduleView> {
    return this.schedules.get(name);
  }

  /** Has it done now; its turns stay as they are. While it runs, it is done again after. */
  @Post(':name/run')
  @HttpCode(202)
  @Allow('schedules:write', { action: 'schedule.run' })
  @ApiAcceptedResponse({ type: ScheduleView })
  run(@Param() { name }: ScheduleParams): Promise<ScheduleView> {
    return this.schedules.run(name);
  }
}
