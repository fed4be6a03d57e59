import { RateLimited } from '#core';
import { Turns } from './turns.js';

/** A work that ends when it is told to. */
function work(): { run: () => Promise<string>; started: () => boolean; end: () => void; fail: () => void } {
  let begun = false;
  let settle: { resolve: (text: string) => void; reject: (error: Error) => void };
  const done = new Promise<string>((resolve, reject) => (settle = { resolve, reject }));
  return {
    run: () => {
      begun = true;
      return done;
    },
    started: () => begun,
    end: () => settle.resolve('done'),
    fail: () => settle.reject(new Error('failed')),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('run a few at once and the others in their order', async () => {
    const turns = new Turns(2, 10);
    const works = [work(), work(), work(), work()];
    const results = works.map(({ run }) => turns.run(run));
    await settled();
    expect(works.map(({ started }) => started())).toEqual([true, true, false, false]);
    works[1]?.end();
    await settled();
    expect(works.map(({ started }) => started())).toEqual([true, true, true, false]);
    works.forEach(({ end }) => end());
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('go on after a work that failed', async () => {
    const turns = new Turns(1, 10);
    const [first, second] = [work(), work()];
    const results = [turns.run(first.run), turns.run(second.run)];
    first.fail();
    await expect(results[0]).rejects.toThrow('failed');
    second.end();
    expect(await results[1]).toBe('done');
    expect(await turns.run(async () => 'free again')).toBe('free again');
  });

  it('refuse when too many wait, and only then', async () => {
    const turns = new Turns(1, 1);
    const running = work();
    const first = turns.run(running.run);
    const waiting = turns.run(async () => 'waited');
    await expect(turns.run(async () => 'never')).rejects.toThrow(RateLimited);
    running.end();
    expect([await first, await waiting]).toEqual(['done', 'waited']);
    expect(await turns.run(async () => 'free again')).toBe('free again');
  });
});
