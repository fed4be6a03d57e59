import 'reflect-metadata';
import { ConfigError, Encryption, keyFromDataDir, KeyStore, loadConfig, reencrypt, WrongEncryptionKey } from '#core';
import './app.module.js';
import { openDataSource } from './database/data-source.js';

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIG = 78;

// npm run keys:rotate: encrypts every stored value with the first of ENCRYPTION_KEYS, and makes a new key for access tokens.
// The rooms are imported for the encrypted columns that they declare.
try {
  const config = loadConfig(process.env);
  const keys = config.encryptionKeys.length > 0 ? config.encryptionKeys : [keyFromDataDir(config.dataDir)];
  const encryption = new Encryption(keys);
  const dataSource = await openDataSource(config.database, config.dataDir, []);
  const store = await KeyStore.open(dataSource, encryption);
  const count = await reencrypt(dataSource, encryption);
  await store.rotateJwt(0);
  await dataSource.destroy();
  process.stdout.write(
    `${count} values are now encrypted with key ${encryption.primaryKeyId}, and access tokens get a new key.\n`,
  );
  process.stdout.write('Older keys may be taken out of ENCRYPTION_KEYS once no process has them in first place.\n');
  process.exit(0);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(error instanceof ConfigError || error instanceof WrongEncryptionKey ? EXIT_CONFIG : 1);
}
