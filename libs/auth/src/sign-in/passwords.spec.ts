import { Passwords } from './passwords.js';

describe('passwords', () => {
  const passwords = new Passwords();

  beforeAll(() => passwords.onModuleInit());

  it('are hashed with argon2id, each with a salt of its own', async () => {
    const [one, other] = [await passwords.hash('a long password'), await passwords.hash('a long password')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
    expect([await passwords.matches(one, 'a long password'), await passwords.matches(one, 'another password')]).toEqual(
      [true, false],
    );
  });

  it('take as long when there is no hash, and never match', async () => {
    const hash = await passwords.hash('a long password');
    const time = async (against: string | null): Promise<number> => {
      const started = performance.now();
      expect(await passwords.matches(against, 'a wrong password')).toBe(false);
      return performance.now() - started;
    };
    // In turn, so that whatever else the machine does meets both alike; the quickest of each is the work itself.
    let [withHash, without] = [Infinity, Infinity];
    for (let round = 0; round < 12; round++) {
      withHash = Math.min(withHash, await time(hash));
      without = Math.min(without, await time(null));
    }
    expect(without).toBeGreaterThan(withHash / 2);
    expect(without).toBeLessThan(withHash * 2);
  });
});
