import { fileURLToPath } from 'node:url';

/** The repository's root; every script works from here, wherever it is called from. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
