// `npm run format`: writes every file the way `npm run check` wants it.
import { ensureInstalled } from './lib/install.mjs';
import { ROOT } from './lib/paths.mjs';
import { runNode, script } from './lib/process.mjs';

await script(async (args) => {
  await ensureInstalled();
  const files = args.length > 0 ? args : ['.'];
  return runNode([`${ROOT}node_modules/prettier/bin/prettier.cjs`, '--write', '--log-level=warn', ...files]);
});
