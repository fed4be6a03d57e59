import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ApiPage, IdParams, Page, SignedIn } from '#core';
import { SessionView } from './session.view.js';
import { EndSessionsQuery, SessionListQuery } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

@Controller('sessions')
@ApiTags('Sign-in')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  /** Your sessions that have not ended. */
  @Get()
  @SignedIn()
  @ApiPage(SessionView)
  list(@Query() query: SessionListQuery): Promise<Page<SessionView>> {
    return this.sessions.list(query);
  }

  /** Ends one of your sessions. */
  @Delete(':id')
  @HttpCode(204)
  @SignedIn({ action: 'session.revoke' })
  end(@Param() { id }: IdParams): Promise<void> {
    return this.sessions.end(id);
  }

  /** Ends all your sessions. */
  @Delete()
  @HttpCode(204)
  @SignedIn({ action: 'session.revoke_all' })
  endAll(@Query() { exceptCurrent }: EndSessionsQuery): Promise<void> {
    return this.sessions.endAll(exceptCurrent === 'true');
  }
}
