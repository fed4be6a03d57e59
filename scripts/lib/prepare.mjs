import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';

/** A checkout that can be run: dependencies installed, sources built. Does nothing when nothing changed. */
export async function prepare() {
  await ensureInstalled();
  await ensureBuilt();
}
