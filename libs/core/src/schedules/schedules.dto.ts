import { IsString, MaxLength } from 'class-validator';

/** Path parameter of routes about one schedule. */
export class ScheduleParams {
  /**
   * Name of the schedule.
   * @example "audit.retention"
   */
  @IsString()
  @MaxLength(100)
  name!: string;
}
