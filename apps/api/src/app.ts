import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { AppConfig } from '#core';
import { AppModule } from './app.module.js';
import { openApiDocument } from './openapi-document.js';
import { createAdapter, prepareServer } from './http-server.js';
import { AppLogger, StartLogger } from './logging.js';

export interface AppOptions {
  /** Where the embedded database lives; null keeps it in memory. `config.dataDir` unless given. */
  dataDir?: string | null;
  /** Builds modules only, without connecting to anything: enough for the OpenAPI document. */
  preview?: boolean;
}

/** The application, ready to listen. Shared by the process and the tests. */
export async function createApp(config: AppConfig, options: AppOptions = {}): Promise<NestFastifyApplication> {
  const dataDir = options.dataDir === undefined ? config.dataDir : options.dataDir;
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config, dataDir),
    createAdapter(config),
    {
      logger: options.preview || config.logLevel === 'silent' ? false : new StartLogger(),
      abortOnError: false,
      bodyParser: false,
      preview: options.preview ?? false,
    },
  );
  app.setGlobalPrefix('api', { exclude: ['health/live', 'health/ready', 'metrics'] });
  if (options.preview) return app;
  app.useLogger(app.get(AppLogger));
  await prepareServer(app, config);
  if (config.docs) {
    SwaggerModule.setup('api/docs', app, () => openApiDocument(app), {
      jsonDocumentUrl: 'api/openapi.json',
      yamlDocumentUrl: 'api/openapi.yaml',
      customSiteTitle: 'EINFRA API',
      swaggerOptions: {
        persistAuthorization: true,
        tagsSorter: 'alpha',
        displayRequestDuration: true,
        tryItOutEnabled: true,
      },
    });
  }
  return app;
}
