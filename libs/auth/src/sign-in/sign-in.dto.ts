import { IsString, Length, MaxLength } from 'class-validator';

/** Who signs in. */
export class LoginDto {
  /** @example "admin" */
  @IsString()
  @Length(1, 256)
  username!: string;

  /** @example "correct horse battery staple" */
  @IsString()
  @Length(1, 256)
  password!: string;
}

/** A refresh token to exchange. */
export class RefreshDto {
  /**
   * As the sign-in or the refresh before answered it. Each can be used once.
   * @example "er_3f0c7c1e8f6b4d7a9a510f7d2f6f8f11_Q2hhbmdlIG1lIGZvciBhIHJlYWwgb25lLCBwbGVhc2U"
   */
  @IsString()
  @MaxLength(4096)
  refreshToken!: string;
}

/** A change of one's own password. */
export class ChangePasswordDto {
  /** @example "correct horse battery staple" */
  @IsString()
  @Length(1, 256)
  currentPassword!: string;

  /**
   * At least 12 characters, neither the user name nor the current password.
   * @example "a new and longer passphrase"
   */
  @IsString()
  @Length(12, 256)
  newPassword!: string;
}
