import { JwtService } from '@nestjs/jwt';
import { AccessTokens } from '../caller/access-tokens.js';
import { AuthenticationGuard } from '../caller/authentication.guard.js';
import { BearerStrategy } from '../caller/bearer.strategy.js';
import { CallerCache } from '../caller/caller-cache.js';
import { RefreshToken } from '../sessions/refresh-token.entity.js';
import { Session } from '../sessions/session.entity.js';
import { SessionTokens } from '../sessions/session-tokens.js';
import { SessionsController } from '../sessions/sessions.controller.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { ApiToken } from '../tokens/api-token.entity.js';
import { TokenUses } from '../tokens/token-uses.js';
import { TokensController } from '../tokens/tokens.controller.js';
import { TokensService } from '../tokens/tokens.service.js';
import { User } from '../users/user.entity.js';
import { AdminBootstrap } from './admin-bootstrap.js';
import { AdminPasswordReset } from './admin-password-reset.js';
import { Credentials } from './credentials.js';
import { Lockout } from './lockout.js';
import { MeController } from './me.controller.js';
import { MeService } from './me.service.js';
import { Passwords } from './passwords.js';
import { SignInUpkeep } from './sign-in-upkeep.js';
import { SignInController } from './sign-in.controller.js';
import { SignInService } from './sign-in.service.js';

/** What signing in adds to the module of this lib. */
export const SIGN_IN_CONTROLLERS = [SignInController, MeController, SessionsController, TokensController];

export const SIGN_IN_ENTITIES = [User, Session, RefreshToken, ApiToken];

export const SIGN_IN_PROVIDERS = [
  JwtService,
  AccessTokens,
  CallerCache,
  TokenUses,
  BearerStrategy,
  AuthenticationGuard,
  Passwords,
  Lockout,
  Credentials,
  SessionTokens,
  SessionsService,
  TokensService,
  SignInService,
  MeService,
  SignInUpkeep,
  AdminBootstrap,
  AdminPasswordReset,
];
