import type { Params } from 'nestjs-pino';
import { type AppConfig, currentContext } from '#core';

const REDACTED_PATHS = ['password', 'token', 'authorization', 'secret'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** JSON logs with request id and user id on every line that belongs to a request. Access lines come from `app.ts`. */
export function loggerOptions(config: AppConfig): Params {
  return {
    pinoHttp: {
      level: config.logLevel,
      autoLogging: false,
      mixin: () => {
        const context = currentContext();
        return context ? { requestId: context.requestId, userId: context.caller?.userId } : {};
      },
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    },
    // pino-http's middleware would copy the whole request into every line
    forRoutes: [],
  };
}
