import { Body, Controller, Post } from '@nestjs/common';
import { ApiNotFoundResponse, ApiTags } from '@nestjs/swagger';
import { SignedIn } from '../access/allow.decorator.js';
import { StreamTicketView } from './stream-ticket.view.js';
import { StreamTicketDto } from './stream-tickets.dto.js';
import { WebSocketGateway } from './websocket-gateway.js';

@Controller('stream-tickets')
@ApiTags('Streams')
export class StreamTicketsController {
  constructor(private readonly gateway: WebSocketGateway) {}

  /**
   * Makes a ticket with which one WebSocket can be opened within 30 seconds. You need the right that the stream needs, now and as
   * long as it is open.
   */
  @Post()
  @SignedIn({ action: 'stream-ticket.create' })
  @ApiNotFoundResponse({
    description: 'There is no such stream, or what it is about is not there or not yours to see.',
  })
  create(@Body() body: StreamTicketDto): Promise<StreamTicketView> {
    return this.gateway.issueTicket(body);
  }
}
