import { firstTurn, nextTurn } from './schedule-times.js';

const at = (time: string): Date => new Date(`2026-11-24T${time}Z`);
const never = (): Date => {
  throw new Error('no cron here');
};

describe('the turns of a schedule', () => {
  it('stay on their grid, however late one is', () => {
    const hourly = { everySeconds: 3_600 };
    expect(firstTurn(hourly, at('10:15:00'), never)).toEqual(at('11:15:00'));
    expect(nextTurn(hourly, at('11:15:00'), at('11:15:00'), never)).toEqual(at('12:15:00'));
    expect(nextTurn(hourly, at('11:15:00'), at('12:14:59'), never)).toEqual(at('12:15:00'));
  });

  it('that were missed are not made up for one by one', () => {
    expect(nextTurn({ everySeconds: 60 }, at('01:00:30'), at('09:47:31'), never)).toEqual(at('09:48:30'));
  });

  it('come after now, even when the clock was set back', () => {
    expect(nextTurn({ everySeconds: 60 }, at('10:00:00'), at('09:00:00'), never)).toEqual(at('10:01:00'));
  });

  it('are those of a cron expression', () => {
    const next = jest.fn(() => at('12:00:00'));
    expect(nextTurn({ cron: '0 12 * * *' }, at('01:00:00'), at('09:00:00'), next)).toEqual(at('12:00:00'));
    expect(next).toHaveBeenCalledWith('0 12 * * *', at('09:00:00'));
  });
});
