import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { hash, type Options, verify } from '@node-rs/argon2';
import { Turns } from './turns.js';

/** Argon2id (2) with 19 MiB and two passes, as OWASP advises; about 30 ms. */
const COST: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each takes a core and a thread of libuv's pool, which has four and serves name look-ups and files as well. */
const AT_ONCE = Math.min(4, availableParallelism());
const MAX_WAITING = 64;

/** Hashes passwords and checks them, few at once. */
@Injectable()
export class Passwords implements OnModuleInit {
  private readonly turns = new Turns(AT_ONCE, MAX_WAITING);
  private hashOfNobody = '';

  async onModuleInit(): Promise<void> {
    this.hashOfNobody = await hash(randomBytes(32), COST);
  }

  /** The hash to store, in PHC format. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, COST));
  }

  /** Whether the password belongs to the hash. Without a hash it takes as long and answers false. Call it `inTurn`. */
  async matches(passwordHash: string | null, password: string): Promise<boolean> {
    const matched = await verify(passwordHash ?? this.hashOfNobody, password);
    return matched && passwordHash !== null;
  }

  /** Runs work that hashes when it is its turn. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.run(work);
  }
}

/** A password that nobody has to remember: 120 random bits. */
export function generatedPassword(): string {
  return randomBytes(15).toString('base64url');
}
