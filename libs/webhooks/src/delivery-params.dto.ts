import { IsUUID } from 'class-validator';
import { IdParams } from '#core';

/** Path parameters of routes about one delivery. */
export class DeliveryParams extends IdParams {
  /** @example "3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11" */
  @IsUUID('all', { message: 'must be a UUID' })
  deliveryId!: string;
}
