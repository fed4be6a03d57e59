import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { SignedIn } from '#core';
import { MeService } from './me.service.js';
import { MeView } from './me.view.js';
import { ChangePasswordDto } from './sign-in.dto.js';
import { SignInService } from './sign-in.service.js';

@Controller('me')
@ApiTags('Sign-in')
export class MeController {
  constructor(
    private readonly people: MeService,
    private readonly signIn: SignInService,
  ) {}

  /** Who you are, how you signed in, and what you may do. */
  @Get()
  @SignedIn({ duringPasswordChange: true })
  me(): Promise<MeView> {
    return this.people.me();
  }

  /** Changes your password and ends your other sessions. */
  @Post('password')
  @HttpCode(204)
  @SignedIn({ action: 'user.password_change', duringPasswordChange: true })
  changePassword(@Body() body: ChangePasswordDto): Promise<void> {
    return this.signIn.changePassword(body);
  }
}
