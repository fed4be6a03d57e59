import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Access, LiveCallers } from '#core';
import { CallerAccess } from './access/caller-access.js';
import { CheckedScopeInterceptor } from './access/checked-scope.interceptor.js';
import { CurrentCallers } from './access/current-callers.js';
import { Escalation } from './access/escalation.js';
import { ExplainController } from './access/explain.controller.js';
import { ExplainService } from './access/explain.service.js';
import { LastAdmin } from './access/last-admin.js';
import { PermissionGuard } from './access/permission.guard.js';
import { PermissionsController } from './access/permissions.controller.js';
import { Grant } from './grants/grant.entity.js';
import { GrantsController } from './grants/grants.controller.js';
import { GrantsService } from './grants/grants.service.js';
import { SystemGrants } from './grants/system-grants.js';
import { Role } from './roles/role.entity.js';
import { RolesController } from './roles/roles.controller.js';
import { RolesService } from './roles/roles.service.js';
import { SIGN_IN_CONTROLLERS, SIGN_IN_ENTITIES, SIGN_IN_PROVIDERS } from './sign-in/sign-in.parts.js';
import { TeamMember } from './teams/team-member.entity.js';
import { TeamMembersController } from './teams/team-members.controller.js';
import { TeamMembersService } from './teams/team-members.service.js';
import { Team } from './teams/team.entity.js';
import { TeamsController } from './teams/teams.controller.js';
import { TeamsService } from './teams/teams.service.js';
import { User } from './users/user.entity.js';
import { UsersController } from './users/users.controller.js';
import { UsersService } from './users/users.service.js';

const ENTITIES = [User, Team, TeamMember, Role, Grant];

/** Who people and machines are, and what they may do. Global: every room asks `Access`. */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([...new Set([...ENTITIES, ...SIGN_IN_ENTITIES])])],
  controllers: [
    ...SIGN_IN_CONTROLLERS,
    UsersController,
    TeamsController,
    TeamMembersController,
    RolesController,
    GrantsController,
    PermissionsController,
    ExplainController,
  ],
  providers: [
    ...SIGN_IN_PROVIDERS,
    CallerAccess,
    { provide: Access, useExisting: CallerAccess },
    { provide: LiveCallers, useClass: CurrentCallers },
    PermissionGuard,
    CheckedScopeInterceptor,
    Escalation,
    LastAdmin,
    UsersService,
    TeamsService,
    TeamMembersService,
    RolesService,
    GrantsService,
    SystemGrants,
    ExplainService,
  ],
  exports: [Access, LiveCallers, PermissionGuard, CheckedScopeInterceptor, SystemGrants, ...SIGN_IN_PROVIDERS],
})
export class AuthModule {}
