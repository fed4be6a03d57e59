import {
  IsBoolean,
  IsEmail,
  IsIn,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { PageQuery } from '#core';

const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const USERNAME_MESSAGE =
  'must be 1 to 64 letters, digits, dots, hyphens, underscores or @, and start with a letter or digit';

/** A user to make. They hold no rights until a role is granted to them. */
export class CreateUserDto {
  /**
   * Name to sign in with, unique whatever its case.
   * @example "jana"
   */
  @IsString()
  @Matches(USERNAME, { message: USERNAME_MESSAGE })
  username!: string;

  /**
   * At least 12 characters.
   * @example "a long enough passphrase"
   */
  @IsString()
  @Length(12, 256)
  password!: string;

  /** @example "Jana Novak" */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  displayName?: string | null;

  /** @example "jana@example.com" */
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  /** Nothing but a change of the password is possible until it was changed. */
  @IsOptional()
  @IsBoolean()
  mustChangePassword?: boolean;
}

/** What changes of a user; fields left out stay. */
export class UpdateUserDto {
  /** Name to sign in with. */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Matches(USERNAME, { message: USERNAME_MESSAGE })
  username?: string;

  /** Null clears it. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  displayName?: string | null;

  /** Null clears it. */
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  /** Disabled users can't sign in, their sessions end and their API tokens are refused. */
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  disabled?: boolean;

  /** Resets the password and ends the user's sessions. Your own is changed with `POST /api/me/password`. */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Length(12, 256)
  password?: string;

  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  mustChangePassword?: boolean;
}

/** Users are sorted by `username`, `displayName`, `email`, `createdAt`, `updatedAt` and `lastSignInAt`; `q` looks in the first three. */
export class UserListQuery extends PageQuery {
  /** Only disabled users, or only others. */
  @IsOptional()
  @IsIn(['true', 'false'])
  disabled?: 'true' | 'false';
}
