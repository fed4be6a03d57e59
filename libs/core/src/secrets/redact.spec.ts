import { collectSecrets, redact, redactText, redactTokens } from './redact.js';

describe('redact', () => {
  it('replaces secrets by the name of their field, at any depth', () => {
    expect(redact({ name: 'x', password: 'p', nested: [{ privateKey: 'k', apiToken: 't' }] })).toEqual({
      name: 'x',
      password: '[redacted]',
      nested: [{ privateKey: '[redacted]', apiToken: '[redacted]' }],
    });
  });

  it('keeps what only sounds like a secret', () => {
    const harmless = {
      hasCredentials: true,
      mustChangePassword: false,
      tokenId: 'id',
      hostKey: 'SHA256:x',
      keyboard: 'de',
      password: null,
    };
    expect(redact(harmless)).toEqual(harmless);
  });

  it('replaces known values wherever they stand', () => {
    expect(redact({ detail: 'login with hunter2222 failed' }, ['hunter2222'])).toEqual({
      detail: 'login with [redacted] failed',
    });
    expect(redactText('a hunter2222 b', ['hunter2222'])).toBe('a [redacted] b');
  });

  it('replaces tokens by their form', () => {
    const random = 'Q2hhbmdlIG1lIGZvciBhIHJlYWwgb25lLCBwbGVhc2U';
    const id = '3f0c7c1e8f6b4d7a9a510f7d2f6f8f11';
    expect(redactTokens(`/a/einfra_${id}_${random}?b=er_${id}_${random}`)).toBe('/a/[redacted]?b=[redacted]');
    expect(redactTokens('x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl y')).toBe('x [redacted] y');
    expect(redactTokens('einfra_1 er_2 eyJ eyJhbGciOiJIUzI1NiJ9')).toBe('einfra_1 er_2 eyJ eyJhbGciOiJIUzI1NiJ9');
  });

  it('looks for tokens in linear time', () => {
    const started = performance.now();
    redactTokens('eyJ'.repeat(100_000));
    redactTokens('einfra_'.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('collects the secret values of a body', () => {
    const found = new Set<string>();
    collectSecrets({ username: 'u', password: 'pw-value', ssh: { passphrase: 'phrase' } }, found);
    expect([...found]).toEqual(['pw-value', 'phrase']);
  });
});
