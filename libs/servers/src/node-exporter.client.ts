import { Injectable } from '@nestjs/common';
import { OutboundHttp, UpstreamError } from '#core';
import { MetricsSource, type ReadRequest } from './metrics-source.js';
import { NotNodeExporterError, type NodeReading, readCounters } from './node-exporter-metrics.js';
import { parsePrometheusText, PrometheusFormatError } from './prometheus-text.js';

/** A node_exporter answers some hundred kilobytes; what is longer is something else. */
const MAX_BYTES = 5_000_000;
const MAX_VERSION_LENGTH = 50;

/** Reads a Prometheus node_exporter over HTTP. */
@Injectable()
export class NodeExporterClient extends MetricsSource {
  constructor(private readonly http: OutboundHttp) {
    super();
  }

  override async read(request: ReadRequest): Promise<NodeReading> {
    const text = await this.scrape(request);
    return understood(request, () => readCounters(text, Date.now()));
  }

  override async version(request: ReadRequest): Promise<string | null> {
    const text = await this.scrape(request);
    return understood(request, () => {
      readCounters(text, Date.now());
      const [build] = parsePrometheusText(text, (name) => name === 'node_exporter_build_info');
      const version = build?.labels['version'] ?? '';
      return /^[\w.+~-]+$/.test(version) && version.length <= MAX_VERSION_LENGTH ? version : null;
    });
  }

  private async scrape({ system, url, timeoutMs, signal }: ReadRequest): Promise<string> {
    const response = await this.http.sendExpectingSuccess({
      system,
      url: metricsUrl(url),
      headers: { Accept: 'text/plain;version=0.0.4', 'Accept-Encoding': 'gzip' },
      timeoutMs,
      maxBytes: MAX_BYTES,
      signal,
    });
    return response.body.toString('utf8');
  }
}

/** The address as it was given; `/metrics` when it has no path. */
export function metricsUrl(text: string): string {
  const url = new URL(text);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url.href;
}

function understood<T>({ system }: ReadRequest, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof NotNodeExporterError) throw new UpstreamError(system, error.message, error);
    if (!(error instanceof PrometheusFormatError)) throw error;
    throw new UpstreamError(system, `Its answer is not in Prometheus’ text format (${error.message}).`, error);
  }
}
