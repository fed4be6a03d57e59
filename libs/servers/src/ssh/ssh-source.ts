import { Injectable } from '@nestjs/common';
import { type SystemRef, UpstreamError } from '#core';
import type { NodeReading } from '../node-exporter-metrics.js';
import { READ_COMMAND } from './read-command.js';
import { SshClient } from './ssh.client.js';
import type { SshConnection } from './ssh-connection.client.js';
import { SshPool } from './ssh-pool.js';
import { NotAReading, readProc } from './ssh-reading.js';
import type { SshSettings } from './ssh-settings.js';
import type { ShownKeys } from './ssh-vault.js';

/** More file systems and interfaces than a machine has fit into it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What is asked of a server that is reached by SSH. */
export interface SshReadRequest {
  system: SystemRef & { id: string };
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Metrics and facts over SSH. Each reading is one command. */
@Injectable()
export class SshSource {
  constructor(
    private readonly pool: SshPool,
    private readonly client: SshClient,
  ) {}

  async read(request: SshReadRequest): Promise<NodeReading> {
    const { system, timeoutMs, signal } = request;
    const { stdout } = await this.pool.run(system.id, READ_COMMAND, { timeoutMs, maxBytes: MAX_BYTES, signal });
    return understood(system, () => readProc(stdout, Date.now()));
  }

  /** Signs in and reads once with settings that are not saved; answers the keys that were shown. */
  async tryNew(system: SystemRef, settings: SshSettings, timeoutMs: number): Promise<ShownKeys> {
    return this.readOnce(system, await this.client.connect(system, settings, timeoutMs), timeoutMs);
  }

  /** As `tryNew` for a registered server, whose keys are pinned when they were not. */
  async trySaved(system: SystemRef & { id: string }, timeoutMs: number): Promise<ShownKeys> {
    return this.readOnce(system, await this.pool.trySignIn(system.id), timeoutMs);
  }

  private async readOnce(system: SystemRef, connection: SshConnection, timeoutMs: number): Promise<ShownKeys> {
    try {
      const { stdout } = await connection.run(READ_COMMAND, { timeoutMs, maxBytes: MAX_BYTES });
      understood(system, () => readProc(stdout, Date.now()));
      return { hostKey: connection.hostKey, jumpHostKey: connection.jumpHostKey };
    } finally {
      connection.close();
    }
  }
}

function understood<T>(system: SystemRef, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof NotAReading)) throw error;
    const hint = 'Is it a Linux machine, and does its SSH server let this user run the reading command?';
    throw new UpstreamError(system, `${error.message} ${hint}`, error);
  }
}
