import { ApiProperty } from '@nestjs/swagger';
import { SYSTEM_KINDS, type SystemKind } from '#core';

/** How many systems are in each state. */
export class StatusCountsView {
  unknown: number = 0;
  online: number = 0;
  degraded: number = 0;
  offline: number = 0;
  maintenance: number = 0;
}

/** The systems of one kind that the caller sees. */
export class KindOverviewView {
  @ApiProperty({ enum: SYSTEM_KINDS })
  kind!: SystemKind;
  /** @example 12 */
  total!: number;
  statuses!: StatusCountsView;
}

/** All systems that the caller sees, counted. */
export class OverviewView {
  /** @example 12 */
  total!: number;
  statuses!: StatusCountsView;
  /** Kinds that this EINFRA manages, whether or not there are any. */
  kinds!: KindOverviewView[];
}

/** A label with how many systems have it. */
export class LabelCountView {
  /** @example "production" */
  name!: string;
  /** @example 12 */
  total!: number;
  /**
   * By kind of system; kinds without any are absent.
   * @example { "server": 12 }
   */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  kinds!: Partial<Record<SystemKind, number>>;
}
