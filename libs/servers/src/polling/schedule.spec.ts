import { randomUUID } from 'node:crypto';
import { nextTurn } from './schedule.js';

const INTERVAL = 15_000;
const START = Date.UTC(2026, 0, 1);

describe('the turns of servers', () => {
  it('come exactly one interval apart, however late each reading was', () => {
    const id = randomUUID();
    let turn = nextTurn(id, START, INTERVAL);
    for (const late of [0, 1, 480, 3_000, 9_900]) {
      const next = nextTurn(id, turn + late, INTERVAL);
      expect(next - turn).toBe(INTERVAL);
      turn = next;
    }
  });

  it('leave out what was missed', () => {
    const id = randomUUID();
    const turn = nextTurn(id, START, INTERVAL);
    const next = nextTurn(id, turn + 100 * INTERVAL + 1, INTERVAL);
    expect(next - turn).toBe(101 * INTERVAL);
  });

  it('never follow the reading before within a third of the interval', () => {
    const id = randomUUID();
    for (let after = START; after < START + INTERVAL; after += 97) {
      const wait = nextTurn(id, after, INTERVAL) - after;
      expect(wait).toBeGreaterThanOrEqual(INTERVAL / 3);
      expect(wait).toBeLessThan((INTERVAL * 4) / 3);
    }
  });

  it('spread a fleet over the interval', () => {
    const seconds = new Array<number>(15).fill(0);
    for (let server = 0; server < 3_000; server++) {
      const second = Math.floor((nextTurn(randomUUID(), START, INTERVAL) % INTERVAL) / 1000);
      seconds[second] = (seconds[second] ?? 0) + 1;
    }
    // 200 on average
    expect(Math.min(...seconds)).toBeGreaterThan(130);
    expect(Math.max(...seconds)).toBeLessThan(270);
  });
});
