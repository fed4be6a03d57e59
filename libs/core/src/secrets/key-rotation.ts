import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { KeyStore } from './key-store.js';

const LOOK_EVERY_MS = 3_600_000;
const MAX_AGE_MS = 30 * 86_400_000;

/** Makes a new key for access tokens every 30 days, and takes over those that other replicas made. */
@Injectable()
export class KeyRotation implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('KeyRotation');
  private timer?: NodeJS.Timeout;

  constructor(private readonly keys: KeyStore) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.keys
        .rotateJwt(MAX_AGE_MS)
        .catch((error: Error) => this.logger.warn(`keys were not looked at: ${error.message}`));
    }, LOOK_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }
}
