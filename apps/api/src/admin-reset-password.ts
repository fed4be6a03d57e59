import 'reflect-metadata';
import { AdminPasswordReset } from '#auth';
import { keyFromDataDir, loadConfig } from '#core';
import { createApp } from './app.js';

// npm run admin:reset-password [-- username]: prints a new password, which must be changed at the next sign-in.
try {
  const config = loadConfig({ ...process.env, LOG_LEVEL: 'error' });
  if (config.encryptionKeys.length === 0) config.encryptionKeys.push(keyFromDataDir(config.dataDir));
  const app = await createApp(config);
  await app.init();
  const username = process.argv[2] ?? 'admin';
  const password = await app.get(AdminPasswordReset).reset(username);
  process.stdout.write(
    `The new password of ${username} is ${password}\nIt must be changed at the next sign-in. All sessions of ${username} have ended.\n`,
  );
  await app.close();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
