import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { ROOT } from './paths.mjs';

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** A failure whose message is all there is to say; anything else that escapes a script is a bug and shows its stack. */
export class StepFailed extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

const BUNDLED = `${ROOT}node_modules/node/bin/node`;

/** The Node everything runs on: the one of the dev dependencies, else the one we run on if it is new enough. */
export function nodeBinary() {
  if (existsSync(BUNDLED)) return BUNDLED;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  throw new StepFailed(
    `The "node" package brought no binary for ${process.platform}-${process.arch}, and Node ${process.version} is too old to do without: install Node 22.19 or newer.`,
  );
}

/**
 * Runs a program to its end and answers its exit code (128 + n when signal n ended it). Signals sent to us reach it,
 * and we stay until it is gone.
 */
export function run(command, args, { env = process.env, stdio = 'inherit', onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio });
    const forward = (signal) => child.kill(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    const finish = () => FORWARDED.forEach((signal) => process.off(signal, forward));
    child.stdout?.on('data', onOutput);
    child.stderr?.on('data', onOutput);
    child.on('error', (error) => {
      finish();
      reject(error);
    });
    child.on('close', (code, signal) => {
      finish();
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** Runs a program silently; its output is shown only when it fails. */
export async function runQuietly(what, command, args, options = {}) {
  const output = [];
  const code = await run(command, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    onOutput: (chunk) => output.push(chunk),
  });
  if (code === 0) return;
  process.stderr.write(Buffer.concat(output));
  throw new StepFailed(`${what} failed (exit code ${code}).`, code);
}

/** Node's options for a program of dist: readable stacks, and the settings in `.env` if there is one. */
export function distOptions() {
  return ['--enable-source-maps', ...(existsSync(`${ROOT}.env`) ? ['--env-file=.env'] : [])];
}

/** Runs a JavaScript file on the project's Node. */
export function runNode(args, options) {
  return run(nodeBinary(), args, options);
}

/** What every script file ends with: runs `main` and exits with the code it answers. */
export async function script(main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof StepFailed ? error.message : error);
    process.exitCode = error.code > 0 ? error.code : 1;
  }
}
