/** Where the metrics of a server come from. Stored as it is given. */
export type ServerSource =
  | { type: 'node-exporter'; url: string }
  | { type: 'push'; intervalSeconds: number }
  | { type: 'ssh' }
  | { type: 'none' };

/** Seconds between two samples that are pushed, unless the source says otherwise. */
export const PUSH_INTERVAL_SECONDS = 60;

/** How long a server that pushes may be silent before it is offline. */
export function silenceSeconds({ intervalSeconds }: { intervalSeconds: number }): number {
  return 3 * intervalSeconds;
}

/** The kinds of source that can be chosen. */
export const SOURCE_TYPES = ['node-exporter', 'ssh', 'push', 'none'] as const satisfies readonly ServerSource['type'][];
