import { ApiProperty } from '@nestjs/swagger';

/** Why a sample was not kept. */
export const REJECTIONS = ['duplicate', 'in_the_future', 'too_old'] as const;

/** A sample that was not kept. */
export class RejectedSampleView {
  /** Its place in `samples`; 0 for a single one. */
  index!: number;
  /**
   * `duplicate`: there is a sample of this moment, so a batch may be sent again. `in_the_future`: by more than five minutes; the
   * clock of the sender is wrong. `too_old`: older than samples are kept.
   */
  @ApiProperty({ enum: REJECTIONS })
  reason!: (typeof REJECTIONS)[number];
}

/** What became of pushed samples. */
export class PushResultView {
  /** How many were kept. */
  accepted!: number;
  rejected!: RejectedSampleView[];
}
