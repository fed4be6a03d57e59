import { createHmac } from 'node:crypto';

/**
 * What `X-Einfra-Signature` says: `t` is the time of sending in seconds of the epoch, `v1` the HMAC-SHA256 over `<t>.<body>` in
 * hexadecimal. A receiver computes it anew, compares in constant time, and refuses times that are too long ago.
 */
export function signatureOf(secret: string, body: string, at: Date): string {
  const seconds = Math.floor(at.getTime() / 1000);
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${mac}`;
}
