import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { EVENT_PATTERN } from './events.js';

const toList = ({ value }: { value: unknown }): unknown =>
  value === undefined || Array.isArray(value) ? value : [value];

/** Which events to follow. */
export class EventsQuery {
  /**
   * Any of these types; `server.*` is all that begin with `server.`.
   * @example ["server.*"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(100, { each: true })
  @Matches(EVENT_PATTERN, { each: true, message: 'must be types of events like server.created or server.*' })
  type?: string[];

  /**
   * About any of these: a type of resource, or one resource.
   * @example ["server/3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11"]
   */
  @IsOptional()
  @Transform(toList)
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(300, { each: true })
  resource?: string[];
}
