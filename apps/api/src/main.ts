// Tracing patches what is loaded after it, so the application is loaded last; without it, nothing of it is loaded at all.
const { OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = process.env;
const isTraced =
  OTEL_TRACES_EXPORTER !== 'none' &&
  Boolean(OTEL_TRACES_EXPORTER ?? OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
const tracing = isTraced ? await import('./tracing.js') : null;
const { runServer } = await import('./server-process.js');
await runServer({ beforeExit: () => tracing?.stopTracing() });

export {};
