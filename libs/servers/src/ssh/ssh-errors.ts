import { type SystemRef, UpstreamDenied, UpstreamError, UpstreamTimeout } from '#core';
import type { SshHop } from './ssh-settings.js';

/** The server showed another host key than the pinned one. */
export class HostKeyChanged extends Error {
  override readonly name = 'HostKeyChanged';

  constructor(
    pinned: string,
    shown: string,
    /** Kind of the key shown. */
    readonly kind: string,
  ) {
    super(
      `Its host key is not the pinned one: ${pinned} was expected, ${shown} was shown. If that is meant to be, change hostKey to the new one.`,
    );
  }
}

/** The connection broke while something ran on it. */
export class ConnectionBroke extends UpstreamError {
  constructor(system: SystemRef, cause?: unknown) {
    super(system, 'The connection broke.', cause);
  }
}

/** Says why signing in failed, without a word that the remote side has sent. Refused, filtered and unreachable read the same. */
export function connectFailure(system: SystemRef, error: Error, hop: SshHop, prefix: string): Error {
  const { level, code } = error as Error & { level?: string; code?: string };
  const failed = (detail: string): Error => new UpstreamError(system, prefix + detail, error);
  if (level === 'client-authentication')
    return new UpstreamDenied(system, `${prefix}It refused ${credentialOf(hop)} of the user ${hop.username}.`, error);
  if (level === 'client-timeout' || error.message.startsWith('Timed out'))
    return new UpstreamTimeout(system, `${prefix}It did not answer as an SSH server in time.`, error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return failed('Its host name could not be resolved.');
  if (error.message === 'The jump host could not reach it') return failed('The jump host could not reach it.');
  if (/no matching/i.test(error.message))
    return failed('It offers no key exchange, cipher or host key that is safe to use.');
  if (level === 'protocol' || level === 'handshake') return failed('It did not answer as an SSH server.');
  if (error.message === 'closed') return failed('It closed the connection before the sign-in was finished.');
  return failed('It could not be reached.');
}

function credentialOf({ privateKey, password }: SshHop): string {
  if (privateKey !== null && password !== null) return 'the private key and the password';
  return privateKey !== null ? 'the private key' : 'the password';
}
