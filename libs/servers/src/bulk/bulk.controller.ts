import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '#core';
import { BulkDto } from './bulk.dto.js';
import { BulkService } from './bulk.service.js';
import { BulkResultView } from './bulk.view.js';

@Controller('servers/bulk')
@ApiTags('Servers')
export class BulkController {
  constructor(private readonly bulk: BulkService) {}

  /** Does one thing to up to 500 servers and answers for each: some can succeed and others fail. */
  @Post()
  @HttpCode(200)
  @Allow('servers:write', { scope: 'checked', action: 'server.bulk' })
  run(@Body() body: BulkDto): Promise<BulkResultView> {
    return this.bulk.run(body);
  }
}
