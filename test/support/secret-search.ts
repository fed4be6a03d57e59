import { randomBytes } from 'node:crypto';

/** A value that must not be found anywhere, and what it is. */
export interface Secret {
  name: string;
  value: string;
}

/** Something that came out of the application. `handedOut` names the secrets that it is there to say. */
export interface Output {
  name: string;
  content: string | Buffer;
  handedOut?: string[];
}

/** Not a secret: what proves that the search finds things. */
export const CANARY = `canary-${randomBytes(8).toString('hex')}`;

/** Secrets that are found in an output though it must not hold them: as they are, whatever their case, in hexadecimal, in Base64. */
export function leaks(secrets: Secret[], outputs: Output[]): string[] {
  return outputs.flatMap(({ name, content, handedOut = [] }) => {
    const text = Buffer.isBuffer(content) ? content.toString('latin1') : content;
    const lower = text.toLowerCase();
    // access tokens that a session gets within a second are the same
    const said = new Set(secrets.filter((secret) => handedOut.includes(secret.name)).map(({ value }) => value));
    return secrets
      .filter(({ value }) => !said.has(value))
      .filter(
        ({ value }) =>
          plainForms(value).some((form) => lower.includes(form)) ||
          base64Forms(value).some((form) => text.includes(form)),
      )
      .map((secret) => `${secret.name} in ${name}`);
  });
}

function plainForms(value: string): string[] {
  return [value.toLowerCase(), Buffer.from(value).toString('hex')];
}

/** At each of the three places in which a text can begin in Base64; what its neighbours decide is left out. */
function base64Forms(value: string): string[] {
  return [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]).toString('base64');
    const inner = encoded.slice(shift === 0 ? 0 : 4, encoded.length - 4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
