import { Client } from 'pg';
import { PREPARED } from '#core';

/** Of prepared statements, whose texts are constants. */
const names = new Map<string, string>();

/**
 * A client that keeps statements prepared which ask for it, and that gives its connection up when an answer stays out for longer than `query_timeout`. pg itself keeps it, so that the
 * ROLLBACK after such a failure waits behind the same silence for as long again.
 */
export class ImpatientClient extends Client {
  override query(...args: unknown[]): never {
    const result = (super.query as (...args: unknown[]) => unknown).apply(this, named(args));
    if (result instanceof Promise) result.then(undefined, (error: Error) => this.giveUpAfter(error));
    return result as never;
  }

  private giveUpAfter(error: Error): void {
    if (error.message !== 'Query read timeout') return;
    (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}

/** The same query, with a name when its text is marked. */
function named([text, values, ...more]: unknown[]): unknown[] {
  if (typeof text !== 'string' || !text.startsWith(PREPARED)) return [text, values, ...more];
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `einfra_${names.size}`));
  return [{ name, text, values }, ...more];
}
