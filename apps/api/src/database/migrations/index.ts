import { Core1764000001000 } from './0001-core.js';
import { Auth1764000002000 } from './0002-auth.js';
import { Audit1764000003000 } from './0003-audit.js';
import { Servers1764000004000 } from './0004-servers.js';
import { Idempotency1764000005000 } from './0005-idempotency.js';
import { Operations1764000006000 } from './0006-operations.js';
import { Events1764000007000 } from './0007-events.js';
import { Ssh1764000008000 } from './0008-ssh.js';
import { ServersSecondHalf1764000009000 } from './0009-servers-second-half.js';

/** All migrations in their order. Add new ones at the end; never change one that has been released. */
export const MIGRATIONS = [
  Core1764000001000,
  Auth1764000002000,
  Audit1764000003000,
  Servers1764000004000,
  Idempotency1764000005000,
  Operations1764000006000,
  Events1764000007000,
  Ssh1764000008000,
  ServersSecondHalf1764000009000,
];
