import type { DataSource } from 'typeorm';
import { CallerCache } from './caller-cache.js';

interface Row {
  user_id: string;
  username: string;
  must_change_password: boolean;
  expires_at: Date;
  grants: object[];
}

/** A database with one session, whose answers can be held back. */
class Sessions {
  row: Row | null = row();
  queries = 0;
  private gate: Promise<void> = Promise.resolve();
  release: () => void = () => undefined;

  hold(): void {
    this.gate = new Promise((resolve) => (this.release = resolve));
  }

  async query(): Promise<Row[]> {
    this.queries++;
    const answer = this.row ? [{ ...this.row }] : [];
    await this.gate;
    return answer;
  }
}

function row(): Row {
  return {
    user_id: 'u-1',
    username: 'jana',
    must_change_password: false,
    expires_at: new Date(Date.now() + 60_000),
    grants: [],
  };
}

describe('the cache of callers', () => {
  let sessions: Sessions;
  let cache: CallerCache;

  beforeEach(() => {
    sessions = new Sessions();
    cache = new CallerCache(sessions as unknown as DataSource);
  });

  afterEach(() => jest.restoreAllMocks());

  const later = (ms: number): void => {
    const now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now + ms);
  };

  it('reads once for many, and again after four seconds', async () => {
    const callers = await Promise.all([cache.bySession('s-1'), cache.bySession('s-1')]);
    expect(callers.map((caller) => caller?.username)).toEqual(['jana', 'jana']);
    later(3_900);
    await cache.bySession('s-1');
    expect(sessions.queries).toBe(1);
    later(4_100);
    sessions.row = null;
    expect(await cache.bySession('s-1')).toBeNull();
    expect(sessions.queries).toBe(2);
  });

  it('forgets one user and keeps the others', async () => {
    await cache.bySession('s-1');
    await cache.forgetUser('u-2');
    await cache.bySession('s-1');
    expect(sessions.queries).toBe(1);
    await cache.forgetUser('u-1');
    await cache.bySession('s-1');
    expect(sessions.queries).toBe(2);
  });

  it('does not keep what was being read when it was told to forget', async () => {
    sessions.hold();
    const reading = cache.bySession('s-1');
    sessions.row = null;
    await cache.forgetUser('u-1');
    const after = cache.bySession('s-1');
    sessions.release();
    expect((await reading)?.username).toBe('jana');
    expect(await after).toBeNull();
    expect(await cache.bySession('s-1')).toBeNull();
  });

  it('does not outlive the session, however fresh it is', async () => {
    sessions.row = { ...row(), expires_at: new Date(Date.now() + 50) };
    expect(await cache.bySession('s-1')).not.toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await cache.bySession('s-1')).toBeNull();
    expect(sessions.queries).toBe(1);
  });

  it('reads again after a failure', async () => {
    const query = jest.spyOn(sessions, 'query').mockRejectedValueOnce(new Error('away'));
    await expect(cache.bySession('s-1')).rejects.toThrow('away');
    query.mockRestore();
    expect((await cache.bySession('s-1'))?.username).toBe('jana');
  });
});
