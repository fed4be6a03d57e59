import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import ssh2, { type ParsedKey } from 'ssh2';

/** Each round of bcrypt takes milliseconds in which this process does nothing else; ssh-keygen's default is 16 or 24. */
const MAX_ROUNDS = 256;
const MAGIC = Buffer.from('openssh-key-v1\0');

/** Why a private key can't be used: the key itself, or what opens it. */
export class UnusableKey extends Error {
  override readonly name = 'UnusableKey';

  constructor(
    readonly field: 'privateKey' | 'passphrase',
    message: string,
  ) {
    super(message);
  }
}

/** Opening an encrypted key is slow on purpose; once is enough. */
const opened = new LRUCache<string, ParsedKey>({ max: 500 });

/** Reads a private key in OpenSSH's or a PEM format. Throws UnusableKey, whose message fits behind the field's name. */
export function openPrivateKey(text: string, passphrase: string | null): ParsedKey {
  const id = createHash('sha256')
    .update(JSON.stringify([text, passphrase]))
    .digest('base64');
  const known = opened.get(id);
  if (known) return known;
  if (kdfRounds(text) > MAX_ROUNDS)
    throw new UnusableKey('privateKey', `is protected with more than ${MAX_ROUNDS} rounds`);
  const parsed = parse(text, passphrase);
  if (parsed instanceof Error) throw explain(parsed, passphrase);
  if (!parsed.isPrivateKey()) throw new UnusableKey('privateKey', 'is a public key');
  opened.set(id, parsed);
  return parsed;
}

/** `SHA256:…`, as OpenSSH shows a key that came over the wire. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function parse(text: string, passphrase: string | null): ParsedKey | Error {
  try {
    // a missing newline at the end is what copying loses most often
    return ssh2.utils.parseKey(`${text.trim().replace(/\r\n?/g, '\n')}\n`, passphrase ?? undefined);
  } catch (error) {
    return error as Error;
  }
}

function explain({ message }: Error, passphrase: string | null): UnusableKey {
  if (/no passphrase|encrypted/i.test(message) && passphrase === null)
    return new UnusableKey('passphrase', 'is required: the private key is encrypted');
  if (/passphrase|decrypt|integrity|bad decrypt/i.test(message))
    return new UnusableKey('passphrase', 'does not open the private key');
  return new UnusableKey('privateKey', 'is not a private key in OpenSSH or PEM format');
}

/** How often bcrypt is to be applied to open a key of OpenSSH's format; 0 for others. */
function kdfRounds(text: string): number {
  const encoded = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 0;
  let at = MAGIC.length;
  const field = (): Buffer => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
    const value = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return value;
  };
  field(); // cipher
  field(); // kdf
  const options = field();
  return options.length < 4 ? 0 : options.readUInt32BE(options.length - 4);
}
