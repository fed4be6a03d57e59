import type { SystemRef } from '#core';
import type { NodeReading } from './node-exporter-metrics.js';

/** What is asked of a source of metrics. */
export interface ReadRequest {
  /** Which server it is for; failures name it. */
  system: SystemRef;
  url: string;
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Where the metrics of servers are read. A failure is an UpstreamError, UpstreamDenied or UpstreamTimeout, whose message says in
 * a sentence what is wrong and holds nothing that the remote side has sent.
 */
export abstract class MetricsSource {
  /** What the machine says of itself now. */
  abstract read(request: ReadRequest): Promise<NodeReading>;

  /** As `read`, for whoever wants to know which version answers; null when it doesn't say. */
  abstract version(request: ReadRequest): Promise<string | null>;
}
