import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ApiPage, type Page, PageQuery, SignedIn } from '#core';
import { OverviewService } from './overview.service.js';
import { LabelCountView, OverviewView } from './overview.view.js';

@Controller()
@ApiTags('Overview')
export class OverviewController {
  constructor(private readonly service: OverviewService) {}

  /** How many systems there are, by kind and status. Counts what the caller may see, as the lists below do. */
  @Get('overview')
  @SignedIn()
  overview(): Promise<OverviewView> {
    return this.service.overview();
  }

  /** Environments that systems are in. Sorted by `name` or `total`; `q` looks in the name. */
  @Get('environments')
  @SignedIn()
  @ApiPage(LabelCountView)
  environments(@Query() query: PageQuery): Promise<Page<LabelCountView>> {
    return this.service.environments(query);
  }

  /** Tags that systems have. Sorted by `name` or `total`; `q` looks in the name. */
  @Get('tags')
  @SignedIn()
  @ApiPage(LabelCountView)
  tags(@Query() query: PageQuery): Promise<Page<LabelCountView>> {
    return this.service.tags(query);
  }
}
