import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow, IdParams } from '#core';
import { FactsService } from './facts.service.js';
import { FactsView } from './facts.view.js';

@Controller('servers/:id/facts')
@ApiTags('Servers')
export class FactsController {
  constructor(private readonly facts: FactsService) {}

  /** What the machine is: system, processors, disks, interfaces; 404 `no_facts` when its source has told nothing yet. */
  @Get()
  @Allow('servers:read', { scope: 'id' })
  get(@Param() { id }: IdParams): Promise<FactsView> {
    return this.facts.get(id);
  }
}
