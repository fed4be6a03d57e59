import { Controller, Get, Query } from '@nestjs/common';
import { ApiNotFoundResponse, ApiTags } from '@nestjs/swagger';
import { SignedIn } from '#core';
import { ExplainQuery } from './explain.dto.js';
import { ExplainService } from './explain.service.js';
import { ExplanationView } from './explain.view.js';

@Controller('access')
@ApiTags('Grants')
export class ExplainController {
  constructor(private readonly explanations: ExplainService) {}

  /** Says why a user may or may not do something. About others than yourself it needs `grants:read`. */
  @Get('explain')
  @SignedIn()
  @ApiNotFoundResponse({ description: 'There is no such user.' })
  explain(@Query() query: ExplainQuery): Promise<ExplanationView> {
    return this.explanations.explain(query);
  }
}
