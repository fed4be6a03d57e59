import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = 'dist/apps/api/src/main.js';

/** A process of the built application on an embedded database in a temporary directory. */
export interface BuiltApp {
  /** Like `http://127.0.0.1:40123`. */
  address: string;
  pid: number;
  dataDir: string;
  /** Everything that it has written to its standard streams. */
  output(): string;
  /** Null while it runs; else how it ended. */
  ended(): string | null;
  /** Ends it as an orchestrator would; its data stays. */
  stop(): Promise<void>;
  /** Ends it if it still runs, and removes its data. */
  remove(): Promise<void>;
}

/** Starts the built application and waits until it listens. */
export async function startBuiltApp(environment: Record<string, string>): Promise<BuiltApp> {
  const dataDir = mkdtempSync(join(tmpdir(), 'einfra-built-'));
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      EINFRA_DATA_DIR: dataDir,
      ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
      RATE_LIMIT: '0',
      ...environment,
    },
  });
  // not even a test that forgets to stop it leaves it behind
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  const app: BuiltApp = {
    address: '',
    pid: child.pid as number,
    dataDir,
    output: () => output,
    ended: () => (hasEnded(child) ? `exit code ${child.exitCode}, signal ${child.signalCode}` : null),
    stop: () => end(child, 'SIGTERM'),
    remove: async () => {
      await end(child, 'SIGKILL');
      process.off('exit', kill);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  app.address = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = app.address === '' && /listens on (http:\S+)/.exec(output)?.[1];
      if (found) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(`the application ended at once: ${output}`)));
  });
  return app;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
