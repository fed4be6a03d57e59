import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiPage, IdParams, Page, SignedIn } from '#core';
import { created } from '../access/created.js';
import { NewTokenView, TokenView } from './token.view.js';
import { CreateTokenDto, TokenListQuery } from './tokens.dto.js';
import { TokensService } from './tokens.service.js';

@Controller('tokens')
@ApiTags('Sign-in')
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  /** Your API tokens, expired ones too. */
  @Get()
  @SignedIn()
  @ApiPage(TokenView)
  list(@Query() query: TokenListQuery): Promise<Page<TokenView>> {
    return this.tokens.list(query);
  }

  /** One of your API tokens. */
  @Get(':id')
  @SignedIn()
  get(@Param() { id }: IdParams): Promise<TokenView> {
    return this.tokens.get(id);
  }

  /** Makes an API token for a machine. The token itself is shown in this answer only. */
  @Post()
  @Header('Cache-Control', 'no-store')
  @SignedIn({ action: 'token.create' })
  async create(@Body() body: CreateTokenDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<NewTokenView> {
    return created(reply, await this.tokens.create(body));
  }

  /** Revokes one of your API tokens for good. */
  @Delete(':id')
  @HttpCode(204)
  @SignedIn({ action: 'token.revoke' })
  remove(@Param() { id }: IdParams): Promise<void> {
    return this.tokens.remove(id);
  }
}
