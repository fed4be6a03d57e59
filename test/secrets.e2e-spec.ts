import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { type BuiltApp, startBuiltApp } from './support/built-app.js';
import { OtlpReceiver } from './support/otlp-receiver.js';
import { SecretScenario } from './support/secret-scenario.js';
import { CANARY, leaks, type Output } from './support/secret-search.js';

const ADMIN_PASSWORD = 'Planted-password-of-the-administrator';

/** Everything in the tables, byte columns in hexadecimal. */
async function dump(dataDir: string): Promise<string> {
  const database = await PGlite.create(join(dataDir, 'database'));
  try {
    const tables = await database.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await database.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM "${name}" t`);
      texts.push(name, ...rows.map(({ row }) => row));
    }
    return texts.join('\n');
  } finally {
    await database.close();
  }
}

/** Files as they lie on the disk, the write-ahead log among them. */
function files(directory: string): Output[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: `the file ${path.slice(directory.length)}`, content: readFileSync(path) }));
}

describe('secrets in requests', () => {
  let app: BuiltApp;
  let receiver: OtlpReceiver;
  let scenario: SecretScenario;
  let rows: string;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    app = await startBuiltApp({ ADMIN_PASSWORD, LOG_LEVEL: 'trace', UPSTREAM_TIMEOUT: '1', ...traced });
    scenario = new SecretScenario(app.address, ADMIN_PASSWORD);
    await scenario.play();
    await app.stop();
    rows = await dump(app.dataDir);
  }, 60_000);

  afterAll(() => {
    receiver.stop();
    return app.remove();
  });

  it('are in no answer but the one that hands them out', () => {
    expect(scenario.secrets.length).toBeGreaterThan(30);
    expect(leaks(scenario.secrets, scenario.outputs)).toEqual([]);
  });

  it('are not in the log', () => {
    expect(app.output()).toMatch(/"method":"POST","route":"\/api\/login"/);
    expect(leaks(scenario.secrets, [{ name: 'the log', content: app.output() }])).toEqual([]);
  });

  it('are not in the traces', () => {
    expect(receiver.spans.map(({ name }) => name)).toContain('POST /api/login');
    expect(leaks(scenario.secrets, [{ name: 'the traces', content: receiver.text }])).toEqual([]);
  });

  it('are not in the database, neither its rows nor its files', () => {
    const outputs = [{ name: 'the rows', content: rows }, ...files(app.dataDir)];
    expect(leaks(scenario.secrets, outputs)).toEqual([]);
  });

  it('can’t be guessed from digests without a key', () => {
    const guesses = scenario.guessable.flatMap((text) =>
      ['md5', 'sha1', 'sha256', 'sha512'].map((algorithm) => ({
        name: `the ${algorithm} of ${text.slice(0, 40)}`,
        value: createHash(algorithm).update(text).digest('hex'),
      })),
    );
    expect(guesses.length).toBeGreaterThan(100);
    expect(leaks(guesses, [{ name: 'the rows', content: rows }])).toEqual([]);
  });

  it('would be found: what is not a secret is', () => {
    const canary = [{ name: 'canary', value: CANARY }];
    const { outputs } = scenario;
    expect(leaks(canary, outputs)).toEqual(
      expect.arrayContaining([
        'canary in the answer 201 to POST /api/servers',
        'canary in the answer 200 to GET /api/audit?limit=100',
        'canary in the answer 200 to GET /api/audit/export?format=csv',
      ]),
    );
    expect(leaks(canary, [{ name: 'the rows', content: rows }])).toHaveLength(1);
    expect(leaks(canary, files(app.dataDir))).not.toEqual([]);
    for (const form of [
      CANARY.toUpperCase(),
      ...['', 'a', 'ab'].map((before) => Buffer.from(`${before}${CANARY}!`).toString('base64')),
    ])
      expect(leaks(canary, [{ name: form, content: form }])).toHaveLength(1);
  });
});
