// `npm start`: installs, builds and runs EINFRA, each only as far as needed. Needs nothing but Node and npm.
import { ROOT } from './lib/paths.mjs';
import { prepare } from './lib/prepare.mjs';
import { distOptions, runNode, script } from './lib/process.mjs';

// Under npm our parent is npm's shell. Started by hand, it may be a shell that leaves us on purpose (nohup).
if (process.env.npm_lifecycle_event) await import('./lib/follow-parent.mjs');

await script(async (args) => {
  await prepare();
  const followUs = `--import=${new URL('lib/follow-parent.mjs', import.meta.url).href}`;
  return runNode([...distOptions(), followUs, `${ROOT}dist/apps/api/src/main.js`, ...args]);
});
