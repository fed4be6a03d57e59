/** A machine that is signed in to. */
export class SshHopView {
  /** @example "10.0.0.12" */
  host!: string;
  /** @example 22 */
  port!: number;
  /** @example "einfra" */
  username!: string;
  /**
   * The pinned host key; null until the first connection.
   * @example "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
   */
  hostKey!: string | null;
  hasPrivateKey!: boolean;
  hasPassphrase!: boolean;
  hasPassword!: boolean;
}

/** How a server is reached by SSH. */
export class SshView extends SshHopView {
  /** The machine that is gone through. */
  jump!: SshHopView | null;
}
