import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { withLock } from './lock.mjs';
import { ROOT } from './paths.mjs';
import { runQuietly } from './process.mjs';

const STAMP = `${ROOT}node_modules/.package-lock.sha256`;

/** Makes node_modules what package-lock.json says, if it isn't already. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  await withLock('install', async () => {
    if (isInstalled()) return;
    if (!matchesLockfile()) await install();
    writeFileSync(STAMP, lockHash());
  });
}

async function install() {
  console.error('Installing dependencies…');
  // NODE_ENV=production would leave out the compiler; the engines warning is about the Node that only installs.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  // npm deletes node_modules/.bin, which `npm run` put first on PATH: it must not take its own Node from there.
  const PATH = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
  const env = { ...process.env, PATH };
  if (npm?.endsWith('npm-cli.js') && node && !node.includes('node_modules'))
    await runQuietly('npm ci', node, [npm, ...args], { env });
  else await runQuietly('npm ci', 'npm', args, { env });
}

function isInstalled() {
  return read(STAMP) === lockHash();
}

/** Whether someone's own `npm ci` or `npm install` did the work: npm notes what it installed in a lockfile of its own. */
function matchesLockfile() {
  const noted = JSON.parse(read(`${ROOT}node_modules/.package-lock.json`) ?? '{}').packages ?? {};
  const { packages: wanted } = JSON.parse(readFileSync(`${ROOT}package-lock.json`, 'utf8'));
  const same = ([path, { version }]) => wanted[path]?.version === version;
  const there = ([path, { optional, peer, devOptional }]) =>
    path === '' || optional || peer || devOptional || path in noted;
  return Object.entries(noted).every(same) && Object.entries(wanted).every(there);
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(`${ROOT}package-lock.json`))
    .digest('hex');
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
