import { ScopeView } from '../grants/grant.view.js';

/** The user that an explanation is about. */
export class ExplainedUserView {
  id!: string;
  username!: string;
}

/** A team through which a grant is held. */
export class ViaTeamView {
  id!: string;
  name!: string;
}

/** A grant that has to do with the question. */
export class ExplainedGrantView {
  id!: string;
  /** Name of the role. */
  role!: string;
  scope!: ScopeView;
  /** The team that holds it; null when the user holds it directly. */
  team!: ViaTeamView | null;
  /** Whether the role holds the permission. */
  holdsPermission!: boolean;
  /** Whether the scope covers the resource. */
  coversResource!: boolean;
}

/** Why a user may or may not do something. */
export class ExplanationView {
  allowed!: boolean;
  /** @example "The role operator on environment production holds servers:write." */
  reason!: string;
  user!: ExplainedUserView;
  permission!: string;
  /** As it was asked; null: EINFRA itself. */
  resource!: string | null;
  /** Grants that hold the permission or cover the resource. */
  grants!: ExplainedGrantView[];
}
