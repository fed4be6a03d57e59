/** What a sign-in or a refresh answers. */
export class TokensView {
  /** Access token, to be sent as `Authorization: Bearer …`. */
  token!: string;
  /** Exchange it at `POST /api/token/refresh` for new tokens before the session ends. Each can be used once. */
  refreshToken!: string;
  /**
   * Seconds that the access token is valid.
   * @example 900
   */
  expiresIn!: number;
  /** True when nothing is possible before `POST /api/me/password`. */
  mustChangePassword!: boolean;
}
