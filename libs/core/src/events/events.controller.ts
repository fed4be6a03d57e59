import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiOkResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { SignedIn } from '../access/allow.decorator.js';
import { EventStreams } from './event-streams.service.js';
import { EventView } from './event.view.js';
import { EventsQuery } from './events.dto.js';

/** A text whose data lines are events. */
const EVENT_STREAM = {
  type: 'string',
  contentMediaType: 'application/json',
  contentSchema: { $ref: getSchemaPath(EventView) },
} as object;

@Controller('events')
@ApiTags('Events')
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  /**
   * What happens from now on, as server-sent events: of that what you may see. Each has its type as name, the event as JSON in
   * `data`, and an `id` with which a client goes on after a break, for seven days. The stream says `end` with a reason when you are
   * signed out or the process stops, and `dropped` when you read too slowly; connect again then.
   */
  @Get()
  @SignedIn()
  @ApiExtraModels(EventView)
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The `id` of the last event that was seen.' })
  @ApiOkResponse({
    description: 'The stream; the data of each event is an `EventView`.',
    content: { 'text/event-stream': { schema: EVENT_STREAM } },
  })
  follow(@Query() query: EventsQuery, @Res() reply: FastifyReply): Promise<void> {
    return this.streams.follow(reply, query);
  }
}
