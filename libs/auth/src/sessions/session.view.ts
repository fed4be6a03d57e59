import type { Session } from './session.entity.js';

/** A session as the API shows it. */
export class SessionView {
  id!: string;
  /** Whether it is the session that asks. */
  current!: boolean;
  /** Address that signed in. */
  address!: string;
  userAgent!: string | null;
  createdAt!: string;
  /** When it was last refreshed. */
  lastUsedAt!: string;
  /** Its end, however much it is used; without a refresh it ends after seven days. */
  expiresAt!: string;

  static of(session: Session, currentId: string | undefined): SessionView {
    return Object.assign(new SessionView(), {
      id: session.id,
      current: session.id === currentId,
      address: session.address,
      userAgent: session.userAgent,
      createdAt: session.createdAt.toISOString(),
      lastUsedAt: session.lastUsedAt.toISOString(),
      expiresAt: session.expiresAt.toISOString(),
    });
  }
}
