import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../access/caller.js';

const LIFE_SECONDS = 30;
const TICKET = /^[\w-]{43}$/;

/** Who a ticket was made for. */
export type TicketHolder = Pick<Caller, 'userId' | 'sessionId' | 'tokenId'>;

interface Row {
  user_id: string;
  session_id: string | null;
  token_id: string | null;
  path: string;
  method: string;
}

/** Single-use tickets: browsers can't send a token with an upgrade, and one in the address would end up in logs. */
@Injectable()
export class StreamTickets {
  constructor(private readonly dataSource: DataSource) {}

  /** Makes a ticket for one path. Only its digest is kept. */
  async issue(
    { userId, sessionId, tokenId }: TicketHolder,
    path: string,
    method: string,
  ): Promise<{ ticket: string; expiresAt: Date }> {
    const ticket = randomBytes(32).toString('base64url');
    const [row]: { expires_at: Date }[] = await this.dataSource.query(
      `INSERT INTO stream_tickets (hash, user_id, session_id, token_id, path, method, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, now() + interval '${LIFE_SECONDS} seconds') RETURNING expires_at`,
      [digest(ticket), userId, sessionId ?? null, tokenId ?? null, path, method],
    );
    await this.dataSource.query(`DELETE FROM stream_tickets WHERE expires_at < now() - interval '1 hour'`);
    return { ticket, expiresAt: row?.expires_at ?? new Date() };
  }

  /** Takes a ticket, once in all processes. Null when it is not valid, was used, or is for something else: it is used up then, too. */
  async redeem(ticket: string, path: string, method: string): Promise<TicketHolder | null> {
    if (!TICKET.test(ticket)) return null;
    const [rows]: [Row[], number] = await this.dataSource.query(
      `UPDATE stream_tickets SET redeemed_at = now() WHERE hash = $1 AND redeemed_at IS NULL AND expires_at > now()
       RETURNING user_id, session_id, token_id, path, method`,
      [digest(ticket)],
    );
    const [row] = rows;
    if (!row || row.path !== path || row.method !== method) return null;
    return { userId: row.user_id, sessionId: row.session_id ?? undefined, tokenId: row.token_id ?? undefined };
  }
}

function digest(ticket: string): Buffer {
  return createHash('sha256').update(ticket).digest();
}
