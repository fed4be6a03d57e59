import { QueryFailedError } from 'typeorm';
import { Conflict } from '#core';

/** Whether the index on names of servers has refused a change. */
export function isTakenName(error: unknown): boolean {
  return (
    error instanceof QueryFailedError &&
    (error.driverError as { constraint?: string }).constraint === 'servers_name_once'
  );
}

/** Says which field it is about, which the index can't. */
export function nameTaken(cause?: unknown): Conflict {
  return new Conflict('A server with this name already exists.', {
    errors: [{ pointer: '/name', message: 'is taken' }],
    cause,
  });
}
