import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { CursorQuery, EVENT_PATTERN, PageQuery } from '#core';
import { DELIVERY_STATES, type DeliveryState } from './deliveries/delivery-state.js';

const LINE = /^\P{Cc}*$/u;
const LINE_MESSAGE = 'must not contain control characters';
const EVENTS_MESSAGE = 'may only hold types of events like server.created, server.* or *';
const given = (_: unknown, value: unknown): boolean => value !== undefined;

/** A webhook to make. It is told of events about everything, whoever may see them here. */
export class CreateWebhookDto {
  /**
   * Unique whatever its case.
   * @example "chat"
   */
  @IsString()
  @Length(1, 100)
  @Matches(LINE, { message: LINE_MESSAGE })
  name!: string;

  /**
   * Where events are sent to, http or https.
   * @example "https://hooks.example.com/einfra"
   */
  @IsString()
  @Length(1, 2000)
  url!: string;

  /**
   * Types of events; `server.*` is all that begin with `server.`, `*` is all.
   * @example ["server.*"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(100, { each: true })
  @Matches(EVENT_PATTERN, { each: true, message: EVENTS_MESSAGE })
  events!: string[];

  /** What deliveries are signed with, at least 16 characters. Without it EINFRA makes one and shows it once. */
  @ValidateIf(given)
  @IsString()
  @Length(16, 256)
  @Matches(LINE, { message: LINE_MESSAGE })
  secret?: string;

  /** True unless given. */
  @ValidateIf(given)
  @IsBoolean()
  enabled?: boolean;
}

/** What changes of a webhook; fields left out stay. */
export class UpdateWebhookDto {
  @ValidateIf(given)
  @IsString()
  @Length(1, 100)
  @Matches(LINE, { message: LINE_MESSAGE })
  name?: string;

  /** Another address needs the secret again. */
  @ValidateIf(given)
  @IsString()
  @Length(1, 2000)
  url?: string;

  /** Replaces all types of events. */
  @ValidateIf(given)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(100, { each: true })
  @Matches(EVENT_PATTERN, { each: true, message: EVENTS_MESSAGE })
  events?: string[];

  /** Another secret, or with a new address the one that it has. */
  @ValidateIf(given)
  @IsString()
  @Length(16, 256)
  @Matches(LINE, { message: LINE_MESSAGE })
  secret?: string;

  /** Disabled webhooks hear of nothing; what happens meanwhile is not sent later. */
  @ValidateIf(given)
  @IsBoolean()
  enabled?: boolean;
}

/** Webhooks are sorted by `name`, `createdAt` and `updatedAt`; `q` looks in the name. */
export class WebhookListQuery extends PageQuery {
  /** Only enabled webhooks, or only others. */
  @IsOptional()
  @IsIn(['true', 'false'])
  enabled?: 'true' | 'false';
}

/** Which deliveries to list. */
export class DeliveryQuery extends CursorQuery {
  /** In any of these states. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === undefined || Array.isArray(value) ? value : [value]))
  @IsIn(DELIVERY_STATES, { each: true })
  state?: DeliveryState[];
}
