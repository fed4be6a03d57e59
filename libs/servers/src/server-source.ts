/** Where the metrics of a server come from. Stored as it is given. */
export type ServerSource = { type: 'node-exporter'; url: string } | { type: 'none' };

/** The kinds of source that can be chosen. */
export const SOURCE_TYPES = ['node-exporter', 'none'] as const satisfies readonly ServerSource['type'][];
