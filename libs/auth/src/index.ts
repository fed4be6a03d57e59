export { CheckedScopeInterceptor } from './access/checked-scope.interceptor.js';
export { PermissionGuard } from './access/permission.guard.js';
export { AuthModule } from './auth.module.js';
export { AuthenticationGuard } from './caller/authentication.guard.js';
export { SystemGrants } from './grants/system-grants.js';
export { AdminBootstrap } from './sign-in/admin-bootstrap.js';
export { AdminPasswordReset } from './sign-in/admin-password-reset.js';
