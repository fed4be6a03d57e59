import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type BuiltApp, startBuiltApp } from '../support/built-app.js';
import { OtlpReceiver } from '../support/otlp-receiver.js';
import { SecretScenario } from '../support/secret-scenario.js';
import { CANARY, leaks } from '../support/secret-search.js';
import { postgres, type PostgresService, redis, type Service } from './services.js';

const ADMIN_PASSWORD = 'Planted-password-of-the-administrator';

/** Sees every command that Redis gets, and so every key and value, also those that are gone again. */
async function monitor(url: string): Promise<{ text(): string; close(): void }> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port || 6379), hostname);
  let text = '';
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  return { text: () => text, close: () => socket.destroy() };
}

describe('secrets in requests, with PostgreSQL and Redis', () => {
  let database: PostgresService;
  let cache: Service;
  let app: BuiltApp;
  let receiver: OtlpReceiver;
  let scenario: SecretScenario;
  let dump: string;
  let commands: string;

  beforeAll(async () => {
    [database, cache] = await Promise.all([postgres(), redis()]);
    receiver = await OtlpReceiver.start();
    const watch = await monitor(cache.url);
    app = await startBuiltApp({
      ADMIN_PASSWORD,
      DATABASE_URL: database.url,
      REDIS_URL: cache.url,
      RATE_LIMIT: '100000',
      LOG_LEVEL: 'trace',
      UPSTREAM_TIMEOUT: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    scenario = new SecretScenario(app.address, ADMIN_PASSWORD);
    await scenario.play();
    await app.stop();
    commands = watch.text();
    watch.close();
    dump = execFileSync('pg_dump', ['--dbname', database.url], { encoding: 'latin1', maxBuffer: 256 * 1024 * 1024 });
  }, 120_000);

  afterAll(async () => {
    receiver.stop();
    await app.remove();
    await Promise.all([database.stop(), cache.stop()]);
  });

  it('are in no answer but the one that hands them out, and not in the log', () => {
    expect(leaks(scenario.secrets, [...scenario.outputs, { name: 'the log', content: app.output() }])).toEqual([]);
  });

  it('are not in a dump of the database', () => {
    expect(leaks([{ name: 'canary', value: CANARY }], [{ name: 'the dump', content: dump }])).toHaveLength(1);
    expect(leaks(scenario.secrets, [{ name: 'the dump', content: dump }])).toEqual([]);
  });

  it('are not in the traces, those of SQL among them', () => {
    expect(receiver.text).toContain('INSERT INTO audit_entries');
    expect(leaks(scenario.secrets, [{ name: 'the traces', content: receiver.text }])).toEqual([]);
  });

  it('are in no key and no value of Redis', () => {
    expect(commands).toMatch(/"(SET|set|EVALSHA|evalsha|EVAL|eval)"/);
    expect(leaks(scenario.secrets, [{ name: 'the commands', content: commands }])).toEqual([]);
  });
});
