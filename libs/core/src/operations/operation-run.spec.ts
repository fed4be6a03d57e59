import type { OperationRow } from './operation-row.js';
import { RunAborted, RunningOperation } from './operation-run.js';

const running = (row: Partial<OperationRow> = {}, input: unknown = {}): RunningOperation =>
  new RunningOperation(
    { id: 'o1', retryCount: 0 },
    {
      id: 'o1',
      attempt: 1,
      progress: null,
      log_count: 0,
      started_by_id: null,
      cancel_requested_at: null,
      ...row,
    } as OperationRow,
    input,
  );

describe('a running operation', () => {
  it('hands out what is new once, and again when it could not be written', () => {
    const run = running();
    expect(run.take()).toBeNull();
    run.log('one');
    run.progress(10);
    const news = run.take()!;
    expect([news.progress, news.lines.map(({ seq, line }) => [seq, line])]).toEqual([10, [[1, 'one']]]);
    expect(run.take()).toBeNull();
    run.log('two');
    run.putBack(news);
    expect(run.take()?.lines.map(({ line }) => line)).toEqual(['one', 'two']);
  });

  it('keeps progress between 0 and 100', () => {
    const run = running();
    for (const [given, kept] of [
      [-1, 0],
      [140, 100],
      [Number.NaN, null],
      [null, null],
      [33.5, 33.5],
    ] as const) {
      run.progress(given);
      expect(run.take()?.progress).toBe(kept);
    }
  });

  it('goes on counting lines where the runner before has stopped, and ends with a marker', () => {
    const run = running({ log_count: 999 });
    for (const line of ['a', 'b', 'c']) run.log(line);
    expect(run.take()?.lines.map(({ seq, line }) => [seq, line])).toEqual([
      [1_000, 'a'],
      [1_001, 'There were more lines; they were not kept.'],
    ]);
  });

  it('keeps lines that PostgreSQL can store, short, and without the secrets of the input', () => {
    const run = running({}, { password: 'hunter-hunter', nested: [{ apiKey: 'key-of-the-house' }] });
    run.log('a\u0000b \ud800 hunter-hunter and key-of-the-house');
    run.log('€'.repeat(1_000));
    const [first, second] = run.take()!.lines.map(({ line }) => line);
    expect(first).toBe('ab \ufffd [redacted] and [redacted]');
    expect(Buffer.byteLength(second!)).toBeLessThanOrEqual(2_048);
    expect(second).toMatch(/^€+…$/);
  });

  it('is aborted once, and from the beginning when its end was asked for before', () => {
    const run = running();
    run.abort('cancelled');
    run.abort('shutdown');
    expect(run.aborted).toBe('cancelled');
    expect(run.signal.reason).toBeInstanceOf(RunAborted);
    expect(running({ cancel_requested_at: new Date() }).aborted).toBe('cancelled');
  });
});
