import { PageQuery } from '#core';

/** Processes are sorted by `cpu`, `memory`, `pid`, `user` and `command`, by `-cpu` unless asked otherwise; `q` looks in command, user and pid. */
export class ProcessListQuery extends PageQuery {}
