import { ConsoleLogger, Injectable } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import { Logger, type Params } from 'nestjs-pino';
import { destination } from 'pino';
import { type AppConfig, currentContext } from '#core';

const SECRET_NAMES = ['password', 'token', 'authorization', 'secret'];
const REDACTED_PATHS = SECRET_NAMES.flatMap((name) => [name, `*.${name}`]);

/** Contexts of the framework's own lines, of which there is one for each module and route. */
const FRAMEWORK = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication']);

/** The logger, with what the framework says about itself at level debug. */
@Injectable()
export class AppLogger extends Logger {
  override log(message: unknown, ...more: unknown[]): void {
    if (FRAMEWORK.has(more.at(-1) as string)) this.debug(message, ...(more as []));
    else super.log(message, ...(more as []));
  }
}

/**
 * JSON logs with request id, user id and trace on every line that belongs to a request. Access lines come from `http-server.ts`.
 * Without tracing of our own, trace and span are those that the caller named.
 */
export function loggerOptions(config: AppConfig): Params {
  const options = {
    level: config.logLevel,
    base: undefined,
    autoLogging: false,
    mixin: () => {
      const context = currentContext();
      const { traceId, spanId } = trace.getActiveSpan()?.spanContext() ?? context?.parentSpan ?? {};
      return { requestId: context?.requestId, userId: context?.caller?.userId, traceId, spanId };
    },
    serializers: { err: leanError },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
  };
  // gathered and written in the background: a slow reader of the log must not stop the process
  const output = destination({ sync: false, minLength: 4096, periodicFlush: 500, maxLength: 16 * 1024 * 1024 });
  // pino-http's middleware would copy the whole request into every line
  return { pinoHttp: [options, output], forRoutes: [] };
}

/** An error without what libraries attach to it: requests with their headers, connections, configurations. */
function leanError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message,
    stack,
    code: (error as { code?: unknown }).code,
    cause: cause instanceof Error ? cause.message : undefined,
  };
}

/** Until the application's logger takes over: JSON too, and silent about why the start failed, which the process says itself. */
export class StartLogger extends ConsoleLogger {
  constructor() {
    super({ json: true, colors: false, logLevels: ['warn', 'error', 'fatal'] });
  }

  override error(message: unknown, ...more: unknown[]): void {
    if (more.at(-1) !== 'ExceptionHandler') super.error(message, ...(more as []));
  }
}
