import { Client } from 'pg';

/**
 * A client that gives its connection up when an answer stays out for longer than `query_timeout`. pg itself keeps it, so that the
 * ROLLBACK after such a failure waits behind the same silence for as long again.
 */
export class ImpatientClient extends Client {
  override query(...args: unknown[]): never {
    const result = (super.query as (...args: unknown[]) => unknown).apply(this, args);
    if (result instanceof Promise) result.then(undefined, (error: Error) => this.giveUpAfter(error));
    return result as never;
  }

  private giveUpAfter(error: Error): void {
    if (error.message !== 'Query read timeout') return;
    (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}
