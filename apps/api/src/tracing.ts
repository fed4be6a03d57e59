import { ClientRequest, type IncomingMessage } from 'node:http';
import type { Span } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';

/** Spans that wait are sent for this long before the process ends. */
const STOP_LIMIT_MS = 2_000;
/** Probes and scrapes come every few seconds and tell nothing. */
const UNTRACED = /^\/(health\/|metrics\b)/;

/**
 * OpenTelemetry traces: HTTP requests, their SQL and their calls to remote systems. Loaded only when the standard variables ask for
 * it, before what it patches. Where spans go, sampling and names are configured by the OTEL_… variables alone. What pollers do is
 * not traced, and spans hold no query strings, no values of SQL parameters, no headers and no user agent.
 */
const sdk = new NodeSDK({
  serviceName: process.env['OTEL_SERVICE_NAME'] ?? 'einfra',
  // the detector of the process would add its command line
  resourceDetectors: [resources.envDetector, resources.hostDetector],
  metricReaders: [],
  logRecordProcessors: [],
  instrumentations: [
    new HttpInstrumentation({
      requireParentforOutgoingSpans: true,
      ignoreIncomingRequestHook: (request: IncomingMessage) => UNTRACED.test(request.url ?? ''),
      requestHook: removeSecrets,
    }),
    new PgInstrumentation({ requireParentSpan: true, enhancedDatabaseReporting: false }),
  ],
});
sdk.start();

/** Sends what waits. */
export async function stopTracing(): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_LIMIT_MS)));
  await Promise.race([sdk.shutdown().catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Longer than ids and most names; tokens are longer than this. */
const LONG_SEGMENT = /[^/]{65,}/g;

/** Queries of callers and of remote systems' addresses may hold tokens, and so may paths and user agents that are command lines. */
function removeSecrets(span: Span, request: ClientRequest | IncomingMessage): void {
  if (request instanceof ClientRequest) {
    const [path = ''] = request.path.split('?', 1);
    span.setAttribute('url.full', `${request.protocol}//${String(request.getHeader('host'))}${path}`);
    return;
  }
  const [path = '', query] = (request.url ?? '').split('?', 2);
  if (query !== undefined) span.setAttribute('url.query', '');
  span.setAttribute('url.path', path.replace(LONG_SEGMENT, '…'));
  span.setAttribute('user_agent.original', '');
}
