// `npm run build`: builds dist if the sources changed.
import { prepare } from './lib/prepare.mjs';
import { script } from './lib/process.mjs';

await script(async () => {
  await prepare();
  return 0;
});
