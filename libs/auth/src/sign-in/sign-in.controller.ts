import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Public, SignedIn, StrictlyLimited } from '#core';
import { LoginDto, RefreshDto } from './sign-in.dto.js';
import { SignInService } from './sign-in.service.js';
import { TokensView } from './sign-in.view.js';

@Controller()
@ApiTags('Sign-in')
export class SignInController {
  constructor(private readonly signIn: SignInService) {}

  /** Signs in with user name and password. After some failures it answers 429 for a while, whether or not the user exists. */
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Public({ action: 'session.create' })
  @StrictlyLimited()
  login(@Body() body: LoginDto): Promise<TokensView> {
    return this.signIn.login(body);
  }

  /** Exchanges a refresh token for new tokens. One that is used twice ends its session. */
  @Post('token/refresh')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Public({ action: 'session.refresh' })
  @StrictlyLimited()
  refresh(@Body() { refreshToken }: RefreshDto): Promise<TokensView> {
    return this.signIn.refresh(refreshToken);
  }

  /** Signs out: ends the session of the access token. */
  @Post('logout')
  @HttpCode(204)
  @SignedIn({ action: 'session.revoke', duringPasswordChange: true })
  logout(): Promise<void> {
    return this.signIn.logout();
  }
}
