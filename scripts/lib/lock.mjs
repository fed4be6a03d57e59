import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from './paths.mjs';

/**
 * Runs `work` while no other process of this checkout runs work of the same name.
 * The lock is a directory that holds its owner's pid. It is prepared aside and renamed into place, so that it never
 * stands there without a pid; renaming onto a directory that isn't empty fails.
 */
export async function withLock(name, work) {
  const lock = `${ROOT}.${name}.lock`;
  await acquire(lock);
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function acquire(lock) {
  const mine = `${lock}.${process.pid}`;
  rmSync(mine, { recursive: true, force: true });
  mkdirSync(mine);
  writeFileSync(`${mine}/pid`, String(process.pid));
  try {
    for (let attempt = 0; !rename(mine, lock); attempt++) {
      const holder = holderOf(lock);
      if (holder !== undefined && !isAlive(holder)) discard(lock, holder);
      else await sleep(200);
      if (attempt === 25) console.error(`Waiting for process ${holder}, which holds ${lock}`);
    }
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
}

/** Takes a dead holder's lock away: moved first, so that of two takers one wins, and put back if it changed hands. */
function discard(lock, deadHolder) {
  const aside = `${lock}.stale-${process.pid}`;
  if (!rename(lock, aside)) return;
  if (holderOf(aside) !== deadHolder && rename(aside, lock)) return;
  rmSync(aside, { recursive: true, force: true });
}

function rename(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EPERM'].includes(error.code)) return false;
    throw error;
  }
}

function holderOf(lock) {
  try {
    return Number(readFileSync(`${lock}/pid`, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
