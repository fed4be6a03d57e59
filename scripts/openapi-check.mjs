// `npm run openapi:check`: whether the committed openapi.json is what the code says, and good OpenAPI.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './lib/paths.mjs';
import { prepare } from './lib/prepare.mjs';
import { run, runNode, script, StepFailed } from './lib/process.mjs';

const COMMITTED = `${ROOT}openapi.json`;

await script(async () => {
  await prepare();
  await compare();
  return lint();
});

async function compare() {
  if (!existsSync(COMMITTED)) throw new StepFailed('openapi.json is missing: run `npm run openapi` and commit it.');
  const folder = mkdtempSync(join(tmpdir(), 'einfra-openapi-'));
  try {
    const fresh = join(folder, 'openapi.json');
    const code = await runNode(['--enable-source-maps', `${ROOT}dist/apps/api/src/openapi.js`, fresh]);
    if (code !== 0) throw new StepFailed(`openapi.js failed (exit code ${code}).`, code);
    if ((await run('diff', ['-u', COMMITTED, fresh])) === 0) return;
    throw new StepFailed('openapi.json is not what the code says: run `npm run openapi` and commit the result.');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lint() {
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  return runNode([`${ROOT}node_modules/@redocly/cli/bin/cli.js`, 'lint', 'openapi.json'], { env });
}
