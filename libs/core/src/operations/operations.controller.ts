import { Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiExtraModels, ApiHeader, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { SignedIn } from '../access/allow.decorator.js';
import { IdParams } from '../http/id-params.dto.js';
import { ApiCursorPage, type CursorPage } from '../lists/page.js';
import { accepted } from './accepted.js';
import { OperationLineView, OperationSummaryView, OperationView } from './operation.view.js';
import { OperationListQuery, OperationLogQuery } from './operations.dto.js';
import { OperationsService } from './operations.service.js';

@Controller('operations')
@ApiTags('Operations')
export class OperationsController {
  constructor(private readonly operations: OperationsService) {}

  /** What was started and goes on, or ended in the last 30 days, newest first: your own, and what you could have started. */
  @Get()
  @SignedIn()
  @ApiCursorPage(OperationSummaryView)
  list(@Query() query: OperationListQuery): Promise<CursorPage<OperationSummaryView>> {
    return this.operations.list(query);
  }

  /** One operation, with its result. */
  @Get(':id')
  @SignedIn()
  get(@Param() { id }: IdParams): Promise<OperationView> {
    return this.operations.get(id);
  }

  /** The lines that it has logged; the first 1,000 are kept. */
  @Get(':id/log')
  @SignedIn()
  @ApiCursorPage(OperationLineView)
  log(@Param() { id }: IdParams, @Query() query: OperationLogQuery): Promise<CursorPage<OperationLineView>> {
    return this.operations.log(id, query);
  }

  /**
   * Follows it until it has ended, as server-sent events: `operation` whenever something of it changed, `log` for each line. After a
   * break, `Last-Event-ID` goes on behind the lines that were seen.
   */
  @Get(':id/events')
  @SignedIn()
  @ApiExtraModels(OperationSummaryView, OperationLineView)
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The `id` of the last event that was seen.' })
  @ApiOkResponse({
    description: 'The stream; data is an `OperationSummaryView` or an `OperationLineView`.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  follow(@Param() { id }: IdParams, @Res() reply: FastifyReply): Promise<void> {
    return this.operations.follow(reply, id);
  }

  /** Asks for its end. One that has not begun is cancelled at once; a running one is told, and ends as it sees fit. */
  @Post(':id/cancel')
  @HttpCode(202)
  @SignedIn({ action: 'operation.cancel' })
  @ApiAcceptedResponse({ type: OperationView })
  cancel(@Param() { id }: IdParams): Promise<OperationView> {
    return this.operations.cancel(id);
  }

  /** Starts one that failed or was cancelled again, as a new operation with the same input. */
  @Post(':id/retry')
  @HttpCode(202)
  @SignedIn({ action: 'operation.retry' })
  @ApiAcceptedResponse({ type: OperationView })
  async retry(@Param() { id }: IdParams, @Res({ passthrough: true }) reply: FastifyReply): Promise<OperationView> {
    return accepted(reply, await this.operations.retry(id));
  }
}
