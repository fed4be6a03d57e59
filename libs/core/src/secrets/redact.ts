const SECRET_KEY =
  /pass(word|phrase|wd)?$|secret|token$|^token|private.?key|api.?key|credential|authorization|cookie|kubeconfig|^key$|^cert.*key|^auth$/i;
const SHOWN = '[redacted]';
/** Fields whose names look secret and whose values are not. */
const HARMLESS = new Set([
  'hasCredentials',
  'hasPassword',
  'hasPrivateKey',
  'hasPassphrase',
  'mustChangePassword',
  'tokenId',
  'hostKey',
]);
/** Shorter values would blank out ordinary words. */
const MIN_KNOWN_LENGTH = 6;

/** A copy of `value` that is safe to keep: secret by name or containing a known secret value is replaced. */
export function redact(value: unknown, known: Iterable<string> = []): unknown {
  const secrets = [...known].filter((secret) => secret.length >= MIN_KNOWN_LENGTH);
  return walk(value, secrets, 0);
}

/** Replaces known secret values inside a text. */
export function redactText(text: string, known: Iterable<string>): string {
  let result = text;
  for (const secret of known) if (secret.length >= MIN_KNOWN_LENGTH) result = result.replaceAll(secret, SHOWN);
  return result;
}

/** API tokens, refresh tokens and JWTs, wherever they are. The JWT's beginning keeps the search linear. */
const TOKEN = /(?:einfra|er)_[0-9a-f]{32}_[\w-]{43}|(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){1,2}/g;

/** Replaces what has the form of a token: for texts in which callers should not put one, and some day do. */
export function redactTokens(text: string): string {
  return text.replace(TOKEN, SHOWN);
}

/** Whether a field of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_KEY.test(name) && !HARMLESS.has(name);
}

/** Collects the values of secret fields, so that they can be found again elsewhere. */
export function collectSecrets(value: unknown, into: Set<string>, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 32) return;
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'string') {
      if (isSecretName(name) && member) into.add(member);
    } else collectSecrets(member, into, depth + 1);
  }
}

function walk(value: unknown, secrets: string[], depth: number): unknown {
  if (typeof value === 'string') return redactText(value, secrets);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth > 32) return '[too deep]';
  if (Array.isArray(value)) return value.map((member) => walk(member, secrets, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecretName(name) && member !== null && typeof member !== 'boolean' ? SHOWN : walk(member, secrets, depth + 1),
    ]),
  );
}
