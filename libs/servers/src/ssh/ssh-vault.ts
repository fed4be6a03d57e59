import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  Conflict,
  encryptedColumn,
  Encryption,
  NotFound,
  OutboundGuard,
  OutboundRefused,
  ValidationFailed,
} from '#core';
import type { Server } from '../server.entity.js';
import type { SshDto } from './ssh.dto.js';
import { openPrivateKey, UnusableKey } from './ssh-keys.client.js';
import { mergeSsh } from './ssh-merge.js';
import {
  joinParts,
  type PublicSsh,
  publicPart,
  type SealedSsh,
  secretPart,
  type SshHop,
  type SshSettings,
} from './ssh-settings.js';

const sealedColumn = encryptedColumn('servers', 'sealed_ssh');

/** The columns of a server that say how it is reached by SSH. */
export interface StoredSsh {
  name: string;
  environment: string | null;
  ssh: PublicSsh | null;
  sealedSsh: string | null;
}

/** Host keys that a server and its jump host have shown. */
export interface ShownKeys {
  hostKey: string;
  jumpHostKey: string | null;
}

/** Keeps what servers are reached with by SSH: what may be shown in one column, the credentials sealed in another. */
@Injectable()
export class SshVault {
  constructor(
    private readonly dataSource: DataSource,
    private readonly encryption: Encryption,
    private readonly guard: OutboundGuard,
  ) {}

  /** The settings of a new connection. Throws ValidationFailed for those that could not work or may not be connected to. */
  accept(input: SshDto): SshSettings {
    return this.checked(mergeSsh(null, input));
  }

  /** The columns of a new server. */
  sealNew(id: string, input: SshDto | null | undefined): Pick<Server, 'ssh' | 'sealedSsh'> {
    return input ? this.seal(id, this.accept(input)) : { ssh: null, sealedSsh: null };
  }

  /** The columns that a change really changes; `undefined` leaves them, null clears. Called with the row locked. */
  async change(
    manager: EntityManager,
    id: string,
    input: SshDto | null | undefined,
  ): Promise<Partial<Pick<Server, 'ssh' | 'sealedSsh'>>> {
    if (input === undefined) return {};
    const stored = await this.read(id, manager);
    if (input === null) return stored.ssh === null ? {} : { ssh: null, sealedSsh: null };
    const before = this.open(id, stored);
    const after = this.checked(mergeSsh(before, input));
    return before !== null && JSON.stringify(before) === JSON.stringify(after) ? {} : this.seal(id, after);
  }

  /** The columns as they are now. Throws NotFound. */
  async read(id: string, manager: EntityManager = this.dataSource.manager): Promise<StoredSsh> {
    const [row]: StoredSsh[] = await manager.query(
      'SELECT name, environment, ssh, sealed_ssh AS "sealedSsh" FROM servers WHERE id = $1',
      [id],
    );
    if (!row) throw new NotFound('server', id);
    return row;
  }

  /** The settings in the columns; null when there are none. */
  open(id: string, { ssh, sealedSsh }: StoredSsh): SshSettings | null {
    if (!ssh || !sealedSsh) return null;
    return joinParts(ssh, JSON.parse(this.encryption.open(sealedColumn, id, sealedSsh)) as SealedSsh);
  }

  /** As `open`, for what can't be done without. Throws Conflict with the code `no_ssh`. */
  require(id: string, stored: StoredSsh): SshSettings {
    const settings = this.open(id, stored);
    if (!settings)
      throw new Conflict('The server has no SSH connection: give it one with PATCH ssh.', { code: 'no_ssh' });
    return settings;
  }

  /**
   * Pins the keys that were shown on a first connection; a pinned one stays. False when the server is now reached in another way, and
   * what was shown says nothing about it. Moves no version: nobody has changed anything.
   */
  async pin(id: string, { hostKey, jumpHostKey }: ShownKeys, { ssh }: StoredSsh): Promise<boolean> {
    const [, changed] = await this.dataSource.query<[unknown, number]>(
      `UPDATE servers SET ssh = CASE WHEN jsonb_typeof(ssh -> 'jump') = 'object'
            THEN jsonb_set(jsonb_set(ssh, '{hostKey}', to_jsonb($2::text)), '{jump,hostKey}', to_jsonb($3::text))
            ELSE jsonb_set(ssh, '{hostKey}', to_jsonb($2::text)) END
        WHERE id = $1 AND ssh = $4::jsonb`,
      [id, hostKey, jumpHostKey, JSON.stringify(ssh)],
    );
    if (changed > 0) return true;
    // another process may have been first, with the same keys
    const now = (await this.read(id)).ssh;
    return now?.hostKey === hostKey && (now.jump?.hostKey ?? null) === jumpHostKey;
  }

  private seal(id: string, settings: SshSettings): Pick<Server, 'ssh' | 'sealedSsh'> {
    const sealedSsh = this.encryption.seal(sealedColumn, id, JSON.stringify(secretPart(settings)));
    return { ssh: publicPart(settings), sealedSsh };
  }

  private checked(settings: SshSettings): SshSettings {
    this.checkHop(settings, '/ssh');
    if (settings.jump) this.checkHop(settings.jump, '/ssh/jump');
    return settings;
  }

  private checkHop({ host, privateKey, passphrase }: SshHop, pointer: string): void {
    try {
      this.guard.checkHost(host);
      if (privateKey !== null) openPrivateKey(privateKey, passphrase);
    } catch (error) {
      if (error instanceof OutboundRefused) throw ValidationFailed.at(`${pointer}/host`, error.message);
      if (error instanceof UnusableKey) throw ValidationFailed.at(`${pointer}/${error.field}`, error.message);
      throw error;
    }
  }
}
