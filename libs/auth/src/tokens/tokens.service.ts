import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Repository, type SelectQueryBuilder } from 'typeorm';
import {
  AuditTrail,
  type Caller,
  Conflict,
  fetchPage,
  Forbidden,
  likeText,
  NotFound,
  type Page,
  type Permission,
  requireContext,
  type Scope,
  SystemDirectory,
  ValidationFailed,
} from '#core';
import { holdsAnywhere, sees, targetOf } from '../access/rights.js';
import { CallerCache } from '../caller/caller-cache.js';
import { requireSession } from '../caller/own-session.js';
import { API_TOKEN, digest, newToken } from '../caller/secret-token.js';
import { checkedScope } from '../grants/grant-scope.js';
import { ApiToken } from './api-token.entity.js';
import { NewTokenView, TokenView } from './token.view.js';
import type { CreateTokenDto, TokenListQuery } from './tokens.dto.js';

const SORTABLE = { name: 't.name', createdAt: 't.createdAt', expiresAt: 't.expiresAt', lastUsedAt: 't.lastUsedAt' };
const MAX_TOKENS = 100;
const MAX_DAYS = 366;
const DAY_MS = 24 * 3_600_000;

/** The API tokens of the caller. Revoked ones are not shown any more. */
@Injectable()
export class TokensService {
  constructor(
    @InjectRepository(ApiToken) private readonly tokens: Repository<ApiToken>,
    private readonly directory: SystemDirectory,
    private readonly callers: CallerCache,
    private readonly audit: AuditTrail,
  ) {}

  list(query: TokenListQuery): Promise<Page<TokenView>> {
    const builder = this.own();
    if (query.q) builder.andWhere('t.name ILIKE :text', { text: likeText(query.q) });
    return fetchPage(builder, query, SORTABLE, '-createdAt', (token) => TokenView.of(token));
  }

  /** Throws NotFound for tokens of others, too. */
  async get(id: string): Promise<TokenView> {
    return TokenView.of(await this.find(id));
  }

  /** Throws Forbidden for permissions that the caller holds nowhere: the token could never use them. */
  async create({ name, permissions, scope, expiresAt }: CreateTokenDto): Promise<NewTokenView> {
    const caller = requireSession();
    const id = randomUUID();
    this.audit.describe({ resource: { type: 'token', id, name } });
    const expiry = checkedExpiry(expiresAt);
    assertHeld(caller, permissions);
    const place = await this.visiblePlace(scope ?? { type: 'all' }, caller, permissions);
    await this.assertRoom(caller.userId);
    const token = newToken(API_TOKEN, id);
    requireContext().secrets.add(token);
    await this.tokens.insert({
      id,
      userId: caller.userId,
      name,
      hash: digest(token),
      permissions,
      scopeType: place.type,
      scopeId: place.id,
      scopeName: place.name,
      expiresAt: expiry,
    });
    this.audit.describe({ after: { name, permissions, scope: place, expiresAt: expiry.toISOString() } });
    return Object.assign(new NewTokenView(), await this.get(id), { token });
  }

  /** Revokes it for good. */
  async remove(id: string): Promise<void> {
    const { name, userId } = await this.find(id);
    this.audit.describe({ resource: { type: 'token', id, name } });
    await this.tokens.update({ id, userId, revokedAt: IsNull() }, { revokedAt: () => 'now()' });
    await this.callers.forgetUser(userId);
  }

  /** The scope as it is stored. A system that the caller can't see is as good as none: else tokens would tell which ids exist. */
  private async visiblePlace(scope: Scope, caller: Caller, permissions: Permission[]): Promise<Scope> {
    const place = await checkedScope(scope, this.directory);
    const { kind, id } = targetOf(place, null);
    if (!kind || !id) return place;
    const target = targetOf(place, (await this.directory.find(kind, id))?.environment ?? null);
    if (!permissions.some((permission) => sees(caller, permission, target)))
      throw ValidationFailed.at('/scope/id', `names no ${kind}`);
    return place;
  }

  private async find(id: string): Promise<ApiToken> {
    const token = await this.own().andWhere('t.id = :id', { id }).getOne();
    if (!token) throw new NotFound('token', id);
    return token;
  }

  private own(): SelectQueryBuilder<ApiToken> {
    const { userId } = requireSession();
    return this.tokens.createQueryBuilder('t').where('t.userId = :userId AND t.revokedAt IS NULL', { userId });
  }

  private async assertRoom(userId: string): Promise<void> {
    const held = await this.tokens.countBy({ userId, revokedAt: IsNull() });
    if (held >= MAX_TOKENS) throw new Conflict(`You have ${MAX_TOKENS} API tokens. Revoke some first.`);
  }
}

function checkedExpiry(text: string): Date {
  const expiry = new Date(text);
  const ahead = expiry.getTime() - Date.now();
  if (!(ahead > 0)) throw ValidationFailed.at('/expiresAt', 'must be in the future');
  if (ahead > MAX_DAYS * DAY_MS) throw ValidationFailed.at('/expiresAt', `must be at most ${MAX_DAYS} days ahead`);
  return expiry;
}

function assertHeld(caller: Caller, permissions: Permission[]): void {
  const missing = permissions.filter((permission) => !holdsAnywhere(caller, permission));
  if (missing.length > 0)
    throw new Forbidden(`You don't hold these permissions yourself: ${missing.join(', ')}.`, { missing });
}
