import { QueryFailedError, QueryRunnerAlreadyReleasedError } from 'typeorm';
import { NotFound, UpstreamError } from './errors.js';
import { describeError } from './problem.js';

const failed = (code: string): QueryFailedError =>
  new QueryFailedError('SELECT 1', [], Object.assign(new Error('x'), { code }));
const socketError = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall });

describe('describeError', () => {
  it.each([
    failed('57P01'),
    failed('08006'),
    failed('53300'),
    failed('ECONNRESET'),
    new Error('Connection terminated unexpectedly'),
    new QueryRunnerAlreadyReleasedError(),
    socketError('ECONNREFUSED', 'connect'),
    socketError('ECONNRESET', 'read'),
  ])('takes %s for a database that is away', (error) => {
    expect(describeError(error)).toMatchObject({ status: 503, code: 'database_unavailable' });
  });

  it('takes a name that is taken for a conflict, without repeating what the database says', () => {
    const described = describeError(failed('23505'));
    expect(described).toMatchObject({ status: 409, code: 'conflict' });
    expect(described.detail).not.toContain('SELECT');
  });

  it('keeps what our own errors say', () => {
    expect(describeError(new NotFound('server', 'x'))).toMatchObject({ status: 404, code: 'not_found' });
    const upstream = new UpstreamError(
      { kind: 'server' },
      'It could not be reached.',
      socketError('ECONNRESET', 'read'),
    );
    expect(describeError(upstream)).toMatchObject({ status: 502, code: 'upstream_error' });
  });

  it('says nothing of what it does not know', () => {
    const described = describeError(new Error('secret detail'));
    expect(described).toMatchObject({ status: 500, code: 'internal_error' });
    expect(described.detail).not.toContain('secret');
  });
});
