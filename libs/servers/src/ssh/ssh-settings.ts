/** Where an SSH server listens, who signs in, and which host key it must show. */
export interface SshEndpoint {
  host: string;
  port: number;
  username: string;
  /** `SHA256:…`; null: the first key that is seen is pinned. */
  hostKey: string | null;
}

/** What signs in. Never shown. */
export interface SshSecrets {
  privateKey: string | null;
  passphrase: string | null;
  password: string | null;
}

/** One machine to sign in to. */
export type SshHop = SshEndpoint & SshSecrets;

/** How a server is reached, secrets included. Only ever in memory and sealed. */
export interface SshSettings extends SshHop {
  jump: SshHop | null;
}

/** What may be shown of a machine to sign in to. */
export interface PublicSshHop extends SshEndpoint {
  hasPrivateKey: boolean;
  hasPassphrase: boolean;
  hasPassword: boolean;
}

/** The column `servers.ssh`: what may be shown. The secrets are in `sealed_ssh`. */
export interface PublicSsh extends PublicSshHop {
  jump: PublicSshHop | null;
}

/** What is sealed into `servers.sealed_ssh`. */
export interface SealedSsh extends SshSecrets {
  jump: SshSecrets | null;
}

/** The part that may be shown. */
export function publicPart({ jump, ...hop }: SshSettings): PublicSsh {
  return { ...publicHop(hop), jump: jump && publicHop(jump) };
}

/** The part that must not. */
export function secretPart({ jump, ...hop }: SshSettings): SealedSsh {
  return { ...secretsOf(hop), jump: jump && secretsOf(jump) };
}

/** Both parts as one. */
export function joinParts(shown: PublicSsh, sealed: SealedSsh): SshSettings {
  return {
    ...endpointOf(shown),
    ...secretsOf(sealed),
    jump: shown.jump && sealed.jump && { ...endpointOf(shown.jump), ...secretsOf(sealed.jump) },
  };
}

function endpointOf({ host, port, username, hostKey }: SshEndpoint): SshEndpoint {
  return { host, port, username, hostKey };
}

function secretsOf({ privateKey, passphrase, password }: SshSecrets): SshSecrets {
  return { privateKey, passphrase, password };
}

function publicHop(hop: SshHop): PublicSshHop {
  return {
    ...endpointOf(hop),
    hasPrivateKey: hop.privateKey !== null,
    hasPassphrase: hop.passphrase !== null,
    hasPassword: hop.password !== null,
  };
}
