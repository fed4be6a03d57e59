import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { loadConfig } from '#core';
import { createApp } from './app.js';
import { openApiDocument } from './openapi-document.js';

// Writes openapi.json (or the file named as argument) from the declarations alone: no database, no network.
const file = process.argv[2] ?? 'openapi.json';
const config = { ...loadConfig({}), encryptionKeys: [{ id: 'none', key: randomBytes(32) }] };
const app = await createApp(config, { preview: true });
writeFileSync(file, `${JSON.stringify(openApiDocument(app), null, 2)}\n`);
process.exit(0);
