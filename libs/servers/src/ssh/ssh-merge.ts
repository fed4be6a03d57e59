import { CredentialsRequired, ValidationFailed } from '#core';
import type { SshDto, SshHopDto } from './ssh.dto.js';
import type { SshHop, SshSettings } from './ssh-settings.js';

const DEFAULT_PORT = 22;
const SECRETS = ['privateKey', 'passphrase', 'password'] as const;

/**
 * The settings after a change; `before` is null for a new connection. Throws CredentialsRequired when the change would send a stored
 * credential somewhere else, and ValidationFailed when the outcome could not be connected with.
 */
export function mergeSsh(before: SshSettings | null, input: SshDto): SshSettings {
  const jump = mergeJump(before, input.jump);
  const jumpMoved = !sameEndpoint(before?.jump ?? null, jump);
  return { ...mergeHop(before, input, '/ssh', before !== null && jumpMoved), jump };
}

function mergeJump(before: SshSettings | null, input: SshHopDto | null | undefined): SshHop | null {
  if (input === null) return null;
  if (input === undefined) return before?.jump ?? null;
  return mergeHop(before?.jump ?? null, input, '/ssh/jump', false);
}

function mergeHop(before: SshHop | null, input: SshHopDto, pointer: string, routeMoved: boolean): SshHop {
  const host = input.host ?? before?.host;
  const username = input.username ?? before?.username;
  if (host === undefined) throw ValidationFailed.at(`${pointer}/host`, 'is required');
  if (username === undefined) throw ValidationFailed.at(`${pointer}/username`, 'is required');
  const port = input.port ?? before?.port ?? DEFAULT_PORT;
  const sameMachine = before !== null && before.host === host && before.port === port;
  // another machine has another key: the old pin says nothing about it
  const hostKey = input.hostKey === undefined ? (sameMachine ? before.hostKey : null) : input.hostKey;
  const hop: SshHop = { host, port, username, hostKey, privateKey: null, passphrase: null, password: null };
  const moved = before !== null && (routeMoved || !sameEndpoint(before, hop));
  if (moved && !input.privateKey && !input.password) {
    throw new CredentialsRequired(
      'Where the credential is sent changes: give the private key or the password again.',
      `${pointer}/${before.privateKey === null ? 'password' : 'privateKey'}`,
    );
  }
  // nothing stored goes to a new place, not even what was not asked for again
  for (const name of SECRETS)
    hop[name] = input[name] === undefined ? (moved ? null : (before?.[name] ?? null)) : input[name];
  // a passphrase belongs to its key
  if (input.privateKey !== undefined && input.passphrase === undefined) hop.passphrase = null;
  if (hop.privateKey === null) hop.passphrase = null;
  if (hop.privateKey === null && hop.password === null)
    throw ValidationFailed.at(`${pointer}/privateKey`, 'is required, unless there is a password');
  return hop;
}

function sameEndpoint(one: SshHop | null, other: SshHop | null): boolean {
  if (one === null || other === null) return one === other;
  return (['host', 'port', 'username', 'hostKey'] as const).every((field) => one[field] === other[field]);
}
