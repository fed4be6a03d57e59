import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  registerDecorator,
} from 'class-validator';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_VARIABLES = 100;
const MAX_VALUE = 32_768;

/** Names and values of environment variables. */
function IsEnvironment(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'isEnvironment',
      target: target.constructor,
      propertyName: propertyName as string,
      validator: {
        validate: (value: unknown) => {
          const entries = Object.entries(value ?? {});
          return (
            entries.length <= MAX_VARIABLES &&
            entries.every(([name, text]) => VARIABLE.test(name) && typeof text === 'string' && text.length <= MAX_VALUE)
          );
        },
        defaultMessage: () => `must hold at most ${MAX_VARIABLES} variables with names like HOME and texts for values`,
      },
    });
}

/** A command to run once. */
export class ExecDto {
  /**
   * The program and its arguments; no shell reads them.
   * @example ["df", "-h", "/"]
   */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(200)
  @IsString({ each: true })
  @MaxLength(32_768, { each: true })
  command!: string[];

  /**
   * Absolute; the home directory unless given.
   * @example "/var/log"
   */
  @IsOptional()
  @IsString()
  @Length(1, 4_096)
  @Matches(/^\//, { message: 'must be absolute' })
  workingDir?: string;

  /** @example { "LANG": "C.UTF-8" } */
  @IsOptional()
  @IsObject()
  @IsEnvironment()
  environment?: Record<string, string>;

  /**
   * Who runs it, by sudo; the SSH user unless given.
   * @example "www-data"
   */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  @Matches(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, { message: 'must be a user name' })
  user?: string;

  /** After that it is killed; 30 unless given. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(600)
  timeoutSeconds?: number;
}
