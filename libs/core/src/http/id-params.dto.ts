import { IsUUID } from 'class-validator';

/** Path parameter of routes about one thing. */
export class IdParams {
  /**
   * Id of the resource.
   * @example "3f0c7c1e-8f6b-4d7a-9a51-0f7d2f6f8f11"
   */
  @IsUUID('all', { message: 'must be a UUID' })
  id!: string;
}
