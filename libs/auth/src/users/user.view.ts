import type { User } from './user.entity.js';

/** A user as the API shows them. */
export class UserView {
  id!: string;
  /** @example "jana" */
  username!: string;
  displayName!: string;
  email!: string | null;
  disabled!: boolean;
  mustChangePassword!: boolean;
  lastSignInAt!: string | null;
  /** Counts changes; the ETag. */
  version!: number;
  createdAt!: string;
  updatedAt!: string;

  static of(user: User): UserView {
    const { id, username, displayName, email, disabled, mustChangePassword, version } = user;
    return Object.assign(new UserView(), {
      id,
      username,
      displayName,
      email,
      disabled,
      mustChangePassword,
      lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
      version,
      createdAt: user.createdAt.toISOString(),
      updatedAt: user.updatedAt.toISOString(),
    });
  }
}
