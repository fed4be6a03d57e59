import type { AuditEvent } from '#core';
import { RepeatedRefusals } from './repeated-refusals.js';

const refusal: AuditEvent = {
  action: 'server.delete',
  outcome: 'refused',
  status: 403,
  actor: { id: 'u1', name: 'eve' },
};

describe('RepeatedRefusals', () => {
  let written: [action: string, count: number][];
  let failing: boolean;
  let refusals: RepeatedRefusals;

  beforeEach(() => {
    jest.useFakeTimers();
    written = [];
    failing = false;
    refusals = new RepeatedRefusals(async ({ action }, _request, count) => {
      if (failing) throw new Error('database gone');
      written.push([action, count]);
    });
  });

  afterEach(() => jest.useRealTimers());

  it('writes the first at once and the rest as one when the minute is over', async () => {
    for (let i = 0; i < 5; i++) await refusals.add(refusal, undefined);
    expect(written).toEqual([['server.delete', 1]]);
    await jest.advanceTimersByTimeAsync(66_000);
    expect(written).toEqual([
      ['server.delete', 1],
      ['server.delete', 4],
    ]);
    await refusals.add(refusal, undefined);
    expect(written).toHaveLength(3);
  });

  it('keeps different actors, resources and statuses apart', async () => {
    await refusals.add(refusal, undefined);
    await refusals.add({ ...refusal, actor: { id: 'u2', name: 'bob' } }, undefined);
    await refusals.add({ ...refusal, resource: { type: 'server', id: 's1' } }, undefined);
    await refusals.add({ ...refusal, status: 404 }, undefined);
    expect(written).toHaveLength(4);
  });

  it('writes what was counted when the process stops', async () => {
    for (let i = 0; i < 3; i++) await refusals.add(refusal, undefined);
    await refusals.close();
    expect(written).toEqual([
      ['server.delete', 1],
      ['server.delete', 2],
    ]);
  });

  it('does not count what could not be recorded at first', async () => {
    failing = true;
    await expect(refusals.add(refusal, undefined)).rejects.toThrow('database gone');
    failing = false;
    await refusals.add(refusal, undefined);
    expect(written).toEqual([['server.delete', 1]]);
  });
});
