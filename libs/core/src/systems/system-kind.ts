/** The kinds of system that can be registered, as scopes of grants and the audit log name them. */
export const SYSTEM_KINDS = ['server', 'docker-host', 'cluster', 'registry'] as const;

export type SystemKind = (typeof SYSTEM_KINDS)[number];
