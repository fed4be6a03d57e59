import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { AuditTrail, Metrics } from '#core';
import { AuditChain } from './audit-chain.js';
import { AuditLog } from './audit-log.js';
import { AuditRetention } from './audit-retention.js';
import { AuditVerifier } from './audit-verifier.js';
import { AuditController } from './audit.controller.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { AuditService } from './audit.service.js';

/** The audit log. Global, because every room uses the port `AuditTrail`. */
@Global()
@Module({
  controllers: [AuditController],
  providers: [
    AuditChain,
    AuditVerifier,
    AuditLog,
    AuditService,
    AuditRetention,
    AuditInterceptor,
    { provide: AuditTrail, useExisting: AuditLog },
  ],
  exports: [AuditTrail, AuditInterceptor],
})
export class AuditModule implements OnModuleInit {
  constructor(
    private readonly chain: AuditChain,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge('einfra_audit_queue', 'Audit rows that wait to be written', () => this.chain.waiting);
  }
}
