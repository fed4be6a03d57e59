import { Conflict, type SystemRef, UpstreamDenied, UpstreamError } from '#core';
import { isReading } from './read-command.js';
import type { CommandResult } from './remote-shell.js';

/**
 * Puts the rights of root before a program that needs them: nothing for root, else sudo without a question. The script that follows
 * finds it in $S, which is to be expanded without quotes.
 */
export const AS_ROOT = 'S=; [ "$(id -u)" = 0 ] || S="sudo -n --"; ';

/** Exit code of a shell for a program that is not there. */
export const NOT_FOUND = 127;

/** Words of a system that is run by something else than systemd. */
const NO_SYSTEMD =
  /not been booted with systemd|Failed to connect to bus|(systemctl|journalctl): (command )?not found/i;
const SUDO_REFUSES =
  /^sudo: (?:a password is required|sorry, you must have a tty|.*no tty present|a terminal is required)|is not (?:allowed to|in the sudoers)|may not run sudo/im;
const NOT_PERMITTED =
  /access denied|interactive authentication required|permission denied|operation not permitted|must be root/i;

/** Throws what a command's failure means when that has a name: restricted server, no systemd, no right. Else returns. */
export function refuseKnownFailures(
  system: SystemRef,
  { exitCode, stdout, stderr }: Pick<CommandResult, 'exitCode' | 'stdout' | 'stderr'>,
): void {
  refuseRestricted(stdout);
  if (exitCode === 0) return;
  if (NO_SYSTEMD.test(stderr)) throw new Conflict('The server is not run by systemd.', { code: 'no_systemd' });
  if (SUDO_REFUSES.test(stderr) || NOT_PERMITTED.test(stderr))
    throw new UpstreamDenied(
      system,
      'The SSH user may not do this: it needs root, or sudo without a password for this command.',
    );
  if (exitCode === NOT_FOUND && /sudo/.test(stderr))
    throw new UpstreamDenied(system, 'The SSH user is not root, and the server has no sudo.');
}

/** Throws when the answer is that of a server that gives a reading, whatever it is asked to run. */
export function refuseRestricted(stdout: string): void {
  if (!isReading(stdout)) return;
  throw new Conflict('The server runs nothing but the reading command for this user (restricted mode).', {
    code: 'restricted_ssh',
  });
}

/** As `refuseKnownFailures`, and any other failure is one too. */
export function refuseFailure(system: SystemRef, result: CommandResult, what: string): void {
  refuseKnownFailures(system, result);
  if (result.exitCode === 0) return;
  const how = result.signal ? `signal ${result.signal}` : `exit code ${result.exitCode ?? 'unknown'}`;
  throw new UpstreamError(system, `${what} ended with ${how}.`);
}
