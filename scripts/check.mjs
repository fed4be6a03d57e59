// `npm run check`: everything about the sources that can be told without running them.
import { ensureInstalled } from './lib/install.mjs';
import { ROOT } from './lib/paths.mjs';
import { runNode, script } from './lib/process.mjs';

const CHECKS = [
  ['Formatting', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  ['Lint', 'eslint/bin/eslint.js', '--max-warnings=0', '.'],
  ['Import boundaries', 'dependency-cruiser/bin/dependency-cruise.mjs', '--output-type=err', 'apps', 'libs', 'test'],
  ['Types', 'typescript/bin/tsc', '--noEmit'],
];

await script(async () => {
  await ensureInstalled();
  const failed = [];
  for (const [name, program, ...args] of CHECKS) {
    console.log(`${name}…`);
    if ((await runNode([`${ROOT}node_modules/${program}`, ...args])) !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});
