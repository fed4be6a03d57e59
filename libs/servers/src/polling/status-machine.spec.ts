import { afterReading, type PollState, type PollTransition } from './status-machine.js';

const FAILURE = 'It could not be reached.';

function state(status: PollState['status'], more: Partial<PollState> = {}): PollState {
  return { status, reason: null, failures: 0, successes: 0, strained: 0, ...more };
}

const STRAIN = 'CPU is at 97 %, over 90 %.';

/** Plays readings, `+` a success, `!` one over a threshold and `-` a failure, and answers the state after each. */
function play(from: PollState, readings: string): PollTransition[] {
  const states: PollTransition[] = [];
  let current = from;
  for (const reading of readings) {
    const next = afterReading(current, reading === '-' ? FAILURE : null, reading === '!' ? STRAIN : null);
    states.push(next);
    current = next;
  }
  return states;
}

const statuses = (from: PollState, readings: string): string[] => play(from, readings).map(({ status }) => status);

describe('the status of a polled server', () => {
  it('is online at the first success', () => {
    expect(play(state('unknown'), '+')).toEqual([
      { status: 'online', reason: null, failures: 0, successes: 1, strained: 0, retrySoon: false },
    ]);
  });

  it('goes from unknown to offline with the second failure, saying why from the first', () => {
    const [first, second] = play(state('unknown'), '--');
    expect(first).toMatchObject({ status: 'unknown', reason: FAILURE, retrySoon: true });
    expect(second).toMatchObject({ status: 'offline', reason: FAILURE, retrySoon: false });
  });

  it('goes from online to offline with the third failure in a row only', () => {
    expect(statuses(state('online'), '---')).toEqual(['online', 'online', 'offline']);
    expect(statuses(state('online'), '--+--+--')).toEqual(Array(8).fill('online'));
  });

  it('asks again soon while an online server fails, and shows no reason yet', () => {
    expect(play(state('online'), '--').map(({ retrySoon, reason }) => [retrySoon, reason])).toEqual([
      [true, null],
      [true, null],
    ]);
  });

  it('comes back from offline with the second success in a row, keeping the reason until then', () => {
    const offline = state('offline', { reason: FAILURE, failures: 7 });
    expect(statuses(offline, '+-+-++')).toEqual(['offline', 'offline', 'offline', 'offline', 'offline', 'online']);
    expect(play(offline, '++').map(({ reason, retrySoon }) => [reason, retrySoon])).toEqual([
      [FAILURE, true],
      [null, false],
    ]);
  });

  it('reads an offline server at its ordinary interval and keeps the newest reason', () => {
    const next = afterReading(state('offline', { reason: 'It did not answer in proper HTTP.', failures: 3 }), FAILURE);
    expect(next).toMatchObject({ status: 'offline', reason: FAILURE, failures: 4, retrySoon: false });
  });

  it('never leaves maintenance', () => {
    expect(statuses(state('maintenance'), '+++-----')).toEqual(Array(8).fill('maintenance'));
  });

  it('goes from degraded to offline as from online', () => {
    expect(statuses(state('degraded'), '---')).toEqual(['degraded', 'degraded', 'offline']);
  });

  it('is degraded after three readings over a threshold in a row, saying which, and online again after three under all', () => {
    expect(statuses(state('online'), '!!+!!!')).toEqual([...Array<string>(5).fill('online'), 'degraded']);
    expect(play(state('online'), '!!!').at(-1)).toMatchObject({ status: 'degraded', reason: STRAIN, strained: 0 });
    const degraded = state('degraded', { reason: STRAIN });
    expect(statuses(degraded, '++!+++')).toEqual([...Array<string>(5).fill('degraded'), 'online']);
    expect(play(degraded, '+++').map(({ reason }) => reason)).toEqual([STRAIN, STRAIN, null]);
  });

  it('keeps what is degraded so while a reading fails', () => {
    expect(play(state('degraded', { reason: STRAIN }), '-')[0]).toMatchObject({ status: 'degraded', reason: STRAIN });
  });

  it('does not take a returning server for degraded at once', () => {
    expect(statuses(state('offline', { failures: 3 }), '!!!!')).toEqual(['offline', 'online', 'online', 'degraded']);
  });
});
