import { readFileSync } from 'node:fs';
import { ConfigError, loadConfig } from './config.js';
import { VARIABLES } from './variables.js';

const mistakesOf = (environment: Record<string, string>): string[] => {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    return (error as ConfigError).mistakes;
  }
};

describe('loadConfig', () => {
  it('needs nothing outside production', () => {
    expect(loadConfig({})).toMatchObject({
      production: false,
      port: 8080,
      rateLimit: 1200,
      redisUrl: null,
      docs: true,
    });
  });

  it('lists every mistake at once', () => {
    const mistakes = mistakesOf({
      PORT: 'x',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://u:geheim@h/d',
      ENCRYPTION_KEYS: 'k1:short',
      ADMIN_PASSWORD: 'short',
    });
    expect(mistakes.map((mistake) => mistake.split(' ')[0])).toEqual([
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
      'ADMIN_PASSWORD',
      'ENCRYPTION_KEYS',
    ]);
    expect(mistakes.join()).not.toContain('geheim');
  });

  it('demands encryption keys in production and closes local addresses there', () => {
    expect(mistakesOf({ NODE_ENV: 'production' })).toEqual([expect.stringMatching(/^ENCRYPTION_KEYS is required/)]);
    const key = Buffer.alloc(32, 7).toString('base64');
    const config = loadConfig({
      NODE_ENV: 'production',
      ENCRYPTION_KEYS: `k2:${key},k1:${Buffer.alloc(32, 8).toString('base64')}`,
    });
    expect(config.encryptionKeys.map(({ id }) => id)).toEqual(['k2', 'k1']);
    expect(config.outbound.local).toBe(false);
  });

  it('is described whole in .env.example and in the README', () => {
    const example = readFileSync('.env.example', 'utf8');
    const readme = readFileSync('README.md', 'utf8');
    for (const [name, { default: fallback }] of Object.entries(VARIABLES)) {
      expect(example).toContain(`${name}=${fallback}`);
      expect(readme).toContain(`\`${name}\``);
    }
  });
});
