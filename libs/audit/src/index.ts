export { AuditInterceptor } from './audit.interceptor.js';
export { AuditModule } from './audit.module.js';
