import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';

/** Longest path of a unix socket that every system takes. */
const MAX_SOCKET_PATH = 100;

/** Another process uses the directory, or it can't be locked. The message says what to do. */
export class DirectoryLocked extends Error {
  override readonly name = 'DirectoryLocked';
}

/**
 * Locks a directory for this process by listening on a unix socket in it: the embedded database loses data when two processes open
 * it. The socket of a process that was killed refuses connections, which tells a stale lock from a held one.
 */
export async function lockDirectory(directory: string): Promise<{ release(): Promise<void> }> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(realpathSync(directory), 'lock.sock');
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new DirectoryLocked(
      `The path ${path} is longer than ${MAX_SOCKET_PATH} bytes, too long for a lock. Set EINFRA_DATA_DIR to a shorter one.`,
    );
  }
  const server = (await listen(path)) ?? (await takeOver(path));
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function takeOver(path: string): Promise<Server> {
  if (await answers(path)) throw inUse(path);
  rmSync(path, { force: true });
  const server = await listen(path);
  if (!server) throw inUse(path);
  return server;
}

function inUse(path: string): DirectoryLocked {
  return new DirectoryLocked(
    `Another process uses the embedded database in ${path.replace(/\/lock\.sock$/, '')}. Stop it, set EINFRA_DATA_DIR to another directory, or set DATABASE_URL to run several processes.`,
  );
}

function listen(path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(path, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
