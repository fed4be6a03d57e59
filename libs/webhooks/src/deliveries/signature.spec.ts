import { signatureOf } from './signature.js';
import { waitAfter } from './delivery-state.js';

describe('the signature of a delivery', () => {
  it('is the HMAC of time and body that a receiver computes with other tools', () => {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of sixteen'
    expect(signatureOf('a secret of sixteen', '{"a":1}', new Date(1_700_000_000_999))).toBe(
      't=1700000000,v1=fbd8ce753f0c0643c2d4fef4959c30b175367059e6f5453bddeb7b24a3d1ae24',
    );
  });

  it('is another for another time, body or secret', () => {
    const at = new Date(1_700_000_000_000);
    const all = [
      signatureOf('a secret of sixteen', 'x', at),
      signatureOf('a secret of sixteen', 'y', at),
      signatureOf('another secret of it', 'x', at),
      signatureOf('a secret of sixteen', 'x', new Date(1_700_000_001_000)),
    ];
    expect(new Set(all).size).toBe(4);
  });
});

describe('the tries of a delivery', () => {
  it('are eight, from ten seconds to an hour apart', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((attempts) => waitAfter(attempts, 0));
    expect(waits).toEqual([10, 30, 60, 300, 900, 1_800, 3_600, null]);
  });
});
