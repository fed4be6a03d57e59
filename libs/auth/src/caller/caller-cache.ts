import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { type Caller, isPermission, type ScopeType } from '#core';
import { effectiveGrant, grantsOf, type GrantRow } from './effective-grants.js';

/** Older snapshots are read again. With the time that reading takes, nothing older than five seconds is used. */
const MAX_AGE_MS = 4_000;
const MAX_CALLERS = 10_000;
/** A session that was not refreshed for this long has ended. */
export const SESSION_IDLE = '7 days';

/** SQL condition: the session (alias `s`) is neither revoked nor expired nor idle for too long. */
export const SESSION_IS_LIVE = `s.revoked_at IS NULL AND s.expires_at > now() AND s.last_used_at > now() - interval '${SESSION_IDLE}'`;

/** A caller with what belongs to the credential: when it ends, and the digest that its secret must have. */
interface Snapshot {
  caller: Caller;
  expiresAt: number;
  tokenHash?: Buffer;
}

/** The caller of an API token, and the SHA-256 of the whole token, still to be compared. */
export interface TokenCaller {
  caller: Caller;
  tokenHash: Buffer;
}

interface Row {
  user_id: string;
  username: string;
  must_change_password: boolean;
  expires_at: Date;
  grants: GrantRow[];
}

interface TokenRow extends Row {
  hash: Buffer;
  permissions: string[];
  scope_type: ScopeType;
  scope_id: string | null;
  scope_name: string | null;
}

const CALLER_COLUMNS = `u.id AS user_id, u.username, u.must_change_password, ${grantsOf('u.id')} AS grants`;

const BY_SESSION = `SELECT s.expires_at, ${CALLER_COLUMNS}
  FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.id = $1 AND ${SESSION_IS_LIVE} AND NOT u.disabled`;

const BY_TOKEN = `SELECT t.expires_at, t.hash, t.permissions, t.scope_type, t.scope_id, t.scope_name, ${CALLER_COLUMNS}
  FROM api_tokens t JOIN users u ON u.id = t.user_id
  WHERE t.id = $1 AND t.revoked_at IS NULL AND t.expires_at > now() AND NOT u.disabled`;

/**
 * Who is behind a session or an API token, with the rights held now: one query, again after four seconds. What this process
 * changes it forgets at once, so that other replicas notice within five seconds and this one immediately.
 */
@Injectable()
export class CallerCache {
  private readonly known = new LRUCache<string, { snapshot: Snapshot; readAt: number }>({ max: MAX_CALLERS });
  private readonly reading = new Map<string, Promise<Snapshot | null>>();
  /** Counts what was forgotten: a reading that began before may be of yesterday. */
  private generation = 0;

  constructor(private readonly dataSource: DataSource) {}

  /** The caller of a session that is live and whose user is enabled, else null. */
  async bySession(sessionId: string): Promise<Caller | null> {
    const snapshot = await this.snapshot(`session:${sessionId}`, async () => {
      const [row] = await this.dataSource.query<Row[]>(BY_SESSION, [sessionId]);
      return row ? { caller: { ...callerOf(row), sessionId }, expiresAt: row.expires_at.getTime() } : null;
    });
    return snapshot?.caller ?? null;
  }

  /** The caller of an API token that is valid and whose owner is enabled, else null. */
  async byToken(tokenId: string): Promise<TokenCaller | null> {
    const snapshot = await this.snapshot(`token:${tokenId}`, async () => {
      const [row] = await this.dataSource.query<TokenRow[]>(BY_TOKEN, [tokenId]);
      if (!row) return null;
      const limit = {
        permissions: new Set(row.permissions.filter(isPermission)),
        scope: { type: row.scope_type, id: row.scope_id, name: row.scope_name },
      };
      const caller = { ...callerOf(row), tokenId, limit };
      return { caller, expiresAt: row.expires_at.getTime(), tokenHash: row.hash };
    });
    return snapshot?.tokenHash ? { caller: snapshot.caller, tokenHash: snapshot.tokenHash } : null;
  }

  /** Call it after a committed change of a user, their sessions, tokens, teams or grants. */
  async forgetUser(userId: string): Promise<void> {
    this.forgetReadings();
    for (const [key, { snapshot }] of this.known.entries()) {
      if (snapshot.caller.userId === userId) this.known.delete(key);
    }
  }

  /** Call it after a committed change that touches many users: of a role, of a team's grants. */
  async forgetAll(): Promise<void> {
    this.forgetReadings();
    this.known.clear();
  }

  private forgetReadings(): void {
    this.generation++;
    this.reading.clear();
  }

  private async snapshot(key: string, read: () => Promise<Snapshot | null>): Promise<Snapshot | null> {
    const known = this.known.get(key);
    const isFresh = known !== undefined && performance.now() - known.readAt < MAX_AGE_MS;
    const snapshot = isFresh ? known.snapshot : await this.readOnce(key, read);
    return snapshot && snapshot.expiresAt > Date.now() ? snapshot : null;
  }

  /** Requests that come while it is being read wait for the same answer. */
  private readOnce(key: string, read: () => Promise<Snapshot | null>): Promise<Snapshot | null> {
    const running = this.reading.get(key);
    if (running) return running;
    const started = this.readNow(key, read).finally(() => {
      if (this.reading.get(key) === started) this.reading.delete(key);
    });
    this.reading.set(key, started);
    return started;
  }

  private async readNow(key: string, read: () => Promise<Snapshot | null>): Promise<Snapshot | null> {
    const { generation } = this;
    const readAt = performance.now();
    const snapshot = await read();
    if (generation !== this.generation) return snapshot;
    if (snapshot) this.known.set(key, { snapshot, readAt });
    else this.known.delete(key);
    return snapshot;
  }
}

function callerOf(row: Row): Caller {
  return {
    userId: row.user_id,
    username: row.username,
    mustChangePassword: row.must_change_password,
    grants: row.grants.map(effectiveGrant),
  };
}
