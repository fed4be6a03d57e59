import type { Thresholds } from './thresholds.js';

/** Thresholds of the status; null: that figure makes nothing degraded. */
export class ThresholdFiguresView {
  /** @example 95 */
  cpuPercent!: number | null;
  memoryPercent!: number | null;
  /** @example 90 */
  diskPercent!: number | null;

  static of({ cpuPercent = null, memoryPercent = null, diskPercent = null }: Thresholds): ThresholdFiguresView {
    return { cpuPercent, memoryPercent, diskPercent };
  }
}

/** What was set for a server itself; a figure that is absent is left to the environment. */
export class OwnThresholdsView {
  cpuPercent?: number | null;
  memoryPercent?: number | null;
  diskPercent?: number | null;
}

/** What holds for a server, and what of it is its own. */
export class ServerThresholdsView {
  own!: OwnThresholdsView;
  effective!: ThresholdFiguresView;
}
