/** One word for a POSIX shell, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The command line that runs a fixed script with arguments. The script is ours; what a caller sent travels as `$1`, `$2`, …, each
 * quoted, and is never part of the script. A login shell of any kind understands the line. There is nothing to read on its standard
 * input, which stays open: what is closed can't be sent a signal.
 */
export function scriptCommand(script: string, ...args: string[]): string {
  return ['exec /bin/sh -c', quote(script), 'einfra', ...args.map(quote), '</dev/null'].join(' ');
}
