// `npm test`, `npm run test:real`, `npm run test:long`: what is told apart by file name. Arguments go to jest:
// `npm test -- libs/core -t 'page'`.
import { ROOT } from './lib/paths.mjs';
import { prepare } from './lib/prepare.mjs';
import { runNode, script } from './lib/process.mjs';

const KINDS = {
  all: [],
  real: ['--runInBand', '--testMatch=**/test/real/**/*.real-spec.ts'],
  long: ['--runInBand', '--testMatch=**/test/long/**/*.long-spec.ts'],
};

await script(async ([kind, ...args]) => {
  await prepare();
  return runNode([`${ROOT}node_modules/jest/bin/jest.js`, ...args, ...KINDS[kind]]);
});
