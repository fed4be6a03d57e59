import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { withLock } from './lock.mjs';
import { ROOT } from './paths.mjs';
import { nodeBinary, runQuietly } from './process.mjs';

const DIST = `${ROOT}dist`;
const STAMP = 'sources.sha256';
const CONFIGURATION = ['tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package.json', 'package-lock.json'];

/** Makes dist what the sources say, if it isn't already. */
export async function ensureBuilt() {
  if (isBuilt()) return;
  await withLock('build', async () => {
    if (!isBuilt()) await build();
  });
}

/** Builds aside and renames, so that dist is never half a build, nor holds files whose source is gone. */
async function build() {
  console.error('Building…');
  removeLeftovers();
  const aside = `dist.${process.pid}`;
  const hash = sourceHash();
  mkdirSync(ROOT + aside);
  try {
    // `nest build` has no option for the output directory, but takes a tsconfig.
    const tsconfig = { extends: '../tsconfig.build.json', compilerOptions: { outDir: '.' } };
    writeFileSync(`${ROOT}${aside}/tsconfig.json`, JSON.stringify(tsconfig));
    const nest = `${ROOT}node_modules/@nestjs/cli/bin/nest.js`;
    await runQuietly('The build', nodeBinary(), [nest, 'build', 'api', '--path', `${aside}/tsconfig.json`]);
    rmSync(`${ROOT}${aside}/tsconfig.json`);
    writeFileSync(`${ROOT}${aside}/${STAMP}`, hash);
    if (existsSync(DIST)) renameSync(DIST, `${ROOT}${aside}.before`);
    renameSync(ROOT + aside, DIST);
  } finally {
    removeLeftovers();
  }
}

/** Only under the lock: what builds that were killed left behind, and the previous dist. */
function removeLeftovers() {
  for (const name of readdirSync(ROOT)) {
    if (/^dist\.\d+(\.before)?$/.test(name)) rmSync(ROOT + name, { recursive: true, force: true });
  }
}

function isBuilt() {
  return existsSync(`${DIST}/${STAMP}`) && readFileSync(`${DIST}/${STAMP}`, 'utf8') === sourceHash();
}

function sourceHash() {
  const hash = createHash('sha256');
  for (const file of [...sources('apps'), ...sources('libs'), ...CONFIGURATION]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(ROOT + file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Files below a folder that a build reads, in an order that doesn't depend on the file system. */
function sources(folder) {
  return readdirSync(ROOT + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(ROOT.length))
    .sort();
}
