import type { User } from '../users/user.entity.js';
import type { Team } from './team.entity.js';

/** A team as the API shows it. */
export class TeamView {
  id!: string;
  /** @example "platform" */
  name!: string;
  description!: string;
  /** Counts changes; the ETag. */
  version!: number;
  createdAt!: string;
  updatedAt!: string;

  static of({ id, name, description, version, createdAt, updatedAt }: Team): TeamView {
    const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
    return Object.assign(new TeamView(), { id, name, description, version, ...times });
  }
}

/** A member of a team. */
export class MemberView {
  /** Id of the user. */
  id!: string;
  username!: string;
  displayName!: string;
  disabled!: boolean;

  static of({ id, username, displayName, disabled }: User): MemberView {
    return Object.assign(new MemberView(), { id, username, displayName, disabled });
  }
}
