import { collectSecrets, redact, redactText } from './redact.js';

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

  it('collects the secret values of a body', () => {
    const found = new Set<string>();
    collectSecrets({ username: 'u', password: 'pw-value', ssh: { passphrase: 'phrase' } }, found);
    expect([...found]).toEqual(['pw-value', 'phrase']);
  });
});
