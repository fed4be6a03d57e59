import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Lockout } from './lockout.js';

const EVERY_MS = 3_600_000;

/** What ended so long ago that nobody asks for it any more. Refresh tokens go with their session. */
const ENDED = [
  `DELETE FROM sessions WHERE least(revoked_at, expires_at) < now() - interval '30 days'`,
  `DELETE FROM api_tokens WHERE least(revoked_at, expires_at) < now() - interval '90 days'`,
];

/** Removes, hourly, what the tables of sign-in don't need any more. */
@Injectable()
export class SignInUpkeep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('SignInUpkeep');
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly dataSource: DataSource,
    private readonly lockout: Lockout,
  ) {}

  onApplicationBootstrap(): void {
    const run = (): void =>
      void this.cleanUp().catch((error: Error) => this.logger.warn(`cleaning up failed: ${error.message}`));
    this.timer = setInterval(run, EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Does it now. */
  async cleanUp(): Promise<void> {
    await this.lockout.cleanUp();
    for (const statement of ENDED) await this.dataSource.query(statement);
  }
}
