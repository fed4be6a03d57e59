/** State of a server at one moment. Null: it can't be known (rates need two readings). Percentages are 0–100. */
export class MetricSampleView {
  at!: string;
  /** @example 12.5 */
  cpuPercent!: number | null;
  /** @example 48.2 */
  memoryPercent!: number | null;
  memoryUsedBytes!: number | null;
  memoryTotalBytes!: number | null;
  diskPercent!: number | null;
  diskUsedBytes!: number | null;
  diskTotalBytes!: number | null;
  networkReceiveBytesPerSecond!: number | null;
  networkTransmitBytesPerSecond!: number | null;
  load1!: number | null;
  load5!: number | null;
  load15!: number | null;
  uptimeSeconds!: number | null;
}

/** A figure over one stretch of a history. All null: there was no sample. */
export class FigureView {
  avg!: number | null;
  min!: number | null;
  max!: number | null;
}

/** One point of a history. */
export class HistoryPointView {
  /** Where the stretch begins. */
  at!: string;
  cpuPercent!: FigureView;
  memoryPercent!: FigureView;
  memoryUsedBytes!: FigureView;
  diskPercent!: FigureView;
  diskUsedBytes!: FigureView;
  networkReceiveBytesPerSecond!: FigureView;
  networkTransmitBytesPerSecond!: FigureView;
  load1!: FigureView;
  load5!: FigureView;
  load15!: FigureView;
}

/** Metrics of a server over time; a gap is a point with nulls. */
export class HistoryView {
  items!: HistoryPointView[];
  from!: string;
  to!: string;
  stepSeconds!: number;
}
