import { startApp, type TestApp } from './harness.js';

/** The address that a failed sign-in is recorded with: what the API takes for the caller's. */
async function addressSeen(app: TestApp, forwardedFor: string): Promise<string> {
  const username = `nobody-${Math.random()}`.slice(0, 20);
  await app.request('POST', '/api/login', {
    token: null,
    body: { username, password: 'wrong' },
    headers: { 'x-forwarded-for': forwardedFor },
  });
  const { body } = await app.get('/api/audit?limit=1&action=session.create&outcome=failed');
  return body.items[0].address as string;
}

describe('the address of the caller', () => {
  it('is that of the connection when no proxy is trusted, whatever the caller claims', async () => {
    const app = await startApp();
    expect(await addressSeen(app, '203.0.113.7')).toBe('127.0.0.1');
    await app.close();
  });

  it('is what the trusted proxy says, not what the caller put before it', async () => {
    const app = await startApp({ TRUSTED_PROXIES: '1' });
    expect(await addressSeen(app, '198.51.100.1, 203.0.113.7')).toBe('203.0.113.7');
    await app.close();
  });

  it('counts the trusted proxies from the near end', async () => {
    const app = await startApp({ TRUSTED_PROXIES: '2' });
    expect(await addressSeen(app, '198.51.100.1, 203.0.113.7, 10.0.0.2')).toBe('203.0.113.7');
    await app.close();
  });
});
