import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, ApiPage, IdParams, Page } from '#core';
import { ProcessView } from './process.view.js';
import { ProcessListQuery } from './processes.dto.js';
import { ProcessesService } from './processes.service.js';

@Controller('servers/:id/processes')
@ApiTags('Servers')
export class ProcessesController {
  constructor(private readonly processes: ProcessesService) {}

  /** Processes as they are now, those that use the processor most first. Takes a second. */
  @Get()
  @Allow('servers:processes', { scope: 'id' })
  @ApiPage(ProcessView)
  list(@Param() { id }: IdParams, @Query() query: ProcessListQuery): Promise<Page<ProcessView>> {
    return this.processes.list(id, query);
  }
}
