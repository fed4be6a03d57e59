import { Injectable } from '@nestjs/common';
import { Conflict, type SystemRef } from '#core';
import { SshVault } from './ssh-vault.js';

/** A server that is reached by SSH. */
export interface ReachableServer extends SystemRef {
  id: string;
  name: string;
  environment: string | null;
}

/** Servers as those need them who work on them by SSH. */
@Injectable()
export class RemoteServers {
  constructor(private readonly vault: SshVault) {}

  /** The server, as failures call it. Throws NotFound, and Conflict with the code `no_ssh` for one that is not reached by SSH. */
  async reachable(id: string): Promise<ReachableServer> {
    const { name, environment, ssh } = await this.vault.read(id);
    if (!ssh) throw new Conflict('The server has no SSH connection: give it one with PATCH ssh.', { code: 'no_ssh' });
    return { kind: 'server', id, name, environment };
  }
}
