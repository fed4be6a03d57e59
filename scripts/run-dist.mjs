// Runs a program of dist, built when needed: `node scripts/run-dist.mjs apps/api/src/main.js …`
import { ROOT } from './lib/paths.mjs';
import { prepare } from './lib/prepare.mjs';
import { distOptions, runNode, script } from './lib/process.mjs';

await script(async ([program, ...args]) => {
  await prepare();
  return runNode([...distOptions(), `${ROOT}dist/${program}`, ...args]);
});
