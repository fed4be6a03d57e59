import { Transform, Type } from 'class-transformer';
import {
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';

/** A host name or address, without brackets, scheme or port. */
const HOST = /^[A-Za-z0-9_]([A-Za-z0-9._:-]*[A-Za-z0-9_.])?$|^::/;
const USERNAME = /^[^\s\p{Cc}:-][^\p{Cc}:]*$/u;
/** OpenSSH's fingerprint: SHA-256 of the key, in base64 without padding. */
const HOST_KEY = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Whom to sign in as, where, and with what. Credentials are written only: answers say no more than whether there are any. */
export class SshHopDto {
  /**
   * Host name or address. Required for a new connection.
   * @example "10.0.0.12"
   */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Length(1, 253)
  @Matches(HOST, { message: 'must be a host name or an address' })
  host?: string;

  /**
   * 22 unless given.
   * @example 22
   */
  @ValidateIf((_, value) => value !== undefined)
  @IsInt()
  @Min(1)
  @Max(65_535)
  port?: number;

  /**
   * Required for a new connection.
   * @example "einfra"
   */
  @ValidateIf((_, value) => value !== undefined)
  @IsString()
  @Length(1, 100)
  @Matches(USERNAME, { message: 'must be a user name' })
  username?: string;

  /** OpenSSH or PEM. */
  @IsOptional()
  @IsString()
  @Length(1, 20_000)
  privateKey?: string | null;

  /** Of the private key, when it is encrypted. */
  @IsOptional()
  @IsString()
  @Length(1, 1_000)
  passphrase?: string | null;

  /** Also answers what a server asks interactively, when that is one hidden question. */
  @IsOptional()
  @IsString()
  @Length(1, 1_000)
  password?: string | null;

  /**
   * Fingerprint of the host key, as `ssh-keygen -l` shows it. Without one the first key that is seen is pinned; null forgets it.
   * @example "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
   */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.trim().replace(/=+$/, '') : value))
  @IsString()
  @Matches(HOST_KEY, { message: 'must be a fingerprint like SHA256:… as ssh-keygen -l shows it' })
  hostKey?: string | null;
}

/**
 * How a server is reached by SSH. In a change, what is left out stays; but whoever changes host, port, username, host key or jump host
 * gives the credential again.
 */
export class SshDto extends SshHopDto {
  /** A machine to go through, with a credential of its own. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => SshHopDto)
  jump?: SshHopDto | null;
}
