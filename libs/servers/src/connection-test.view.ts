/** Why a test failed. */
export class ConnectionProblemView {
  /**
   * Stable, as in problem documents; `no_source` when there is nothing to test.
   * @example "upstream_timeout"
   */
  code!: string;
  /** @example "No complete answer within 10 s." */
  detail!: string;
}

/** What trying a source showed. */
export class ConnectionTestView {
  ok!: boolean;
  /** How long the answer took; null without one. */
  latencyMs!: number | null;
  /**
   * Version of the node_exporter, when it says so.
   * @example "1.9.1"
   */
  version!: string | null;
  problem!: ConnectionProblemView | null;
  /** Fingerprint of the host key that an SSH server has shown; absent for other sources. */
  hostKey?: string;
  /** The same of the jump host; absent without one. */
  jumpHostKey?: string;
}
