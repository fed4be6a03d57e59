// `npm run bench -- reads`: runs one measurement of bench/ (see bench/README.md). Needs wrk and PostgreSQL.
import { prepare } from './lib/prepare.mjs';
import { runNode, script, StepFailed } from './lib/process.mjs';

await script(async ([name, ...args]) => {
  if (!name) throw new StepFailed('Name a measurement: npm run bench -- reads');
  await prepare();
  return runNode(['--experimental-transform-types', '--no-warnings', `bench/${name}.ts`, ...args]);
});
