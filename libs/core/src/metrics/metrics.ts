import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** How a call to a remote system ended. */
export type UpstreamOutcome = 'ok' | 'error' | 'denied' | 'timeout' | 'unavailable';

/** What this process counts and measures, in Prometheus' terms. One registry an application, so that tests don't share figures. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly httpDuration = new Histogram({
    name: 'einfra_http_request_duration_seconds',
    help: 'Time to answer HTTP requests, by route template',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly upstreamDuration = new Histogram({
    name: 'einfra_upstream_request_duration_seconds',
    help: 'Time of calls to remote systems, by kind of system and outcome',
    labelNames: ['kind', 'outcome'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly rateLimitRefusals = new Counter({
    name: 'einfra_rate_limit_refusals_total',
    help: 'Requests refused because of their rate, by limit',
    labelNames: ['limit'],
    registers: [this.registry],
  });

  readonly signInFailures = new Counter({
    name: 'einfra_sign_in_failures_total',
    help: 'Failed sign-ins, by reason',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** A figure that is read when it is asked for. With `label`, `read` answers a figure for each value of it. */
  gauge(name: string, help: string, read: () => number): void;
  gauge(name: string, help: string, read: () => Record<string, number>, label: string): void;
  gauge(name: string, help: string, read: () => number | Record<string, number>, label?: string): void {
    new Gauge({
      name,
      help,
      labelNames: label ? [label] : [],
      registers: [this.registry],
      collect() {
        const value = read();
        if (typeof value === 'number') this.set(value);
        else for (const [key, figure] of Object.entries(value)) this.set({ [label as string]: key }, figure);
      },
    });
  }
}
