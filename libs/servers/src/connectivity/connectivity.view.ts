/** A TLS certificate as it was shown; whether it is to be trusted is not said. */
export class CertificateView {
  /** @example "CN=www.example.com" */
  subject!: string;
  /** @example "C=US, O=Let's Encrypt, CN=R11" */
  issuer!: string;
  /** @example "2027-01-31T12:00:00.000Z" */
  validTo!: string;
  /** Whole days until then; negative when it has expired. */
  daysLeft!: number;
}

/** Whether a port of a server can be reached from EINFRA. */
export class ConnectivityView {
  open!: boolean;
  /** How long connecting took; null when it failed. */
  latencyMs!: number | null;
  /** Null when it was not asked for, or there is none. */
  tls!: CertificateView | null;
}
