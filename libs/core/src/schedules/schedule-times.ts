/** When a schedule's turns are: every so many seconds, or as a cron expression (UTC) says. */
export type ScheduleRule = { everySeconds: number; cron?: undefined } | { cron: string; everySeconds?: undefined };

/** The first time after `from` that a cron expression names. */
export type NextCron = (cron: string, from: Date) => Date;

/** The rule as it is stored and shown. */
export function ruleText(rule: ScheduleRule): string {
  return rule.cron ?? `every ${rule.everySeconds} s`;
}

/** The first turn after `now`. Turns that lie between are not made up for: what was missed is done once. */
export function nextTurn(rule: ScheduleRule, turn: Date, now: Date, nextCron: NextCron): Date {
  if (rule.cron !== undefined) return nextCron(rule.cron, now);
  const every = rule.everySeconds * 1_000;
  const passed = Math.floor((now.getTime() - turn.getTime()) / every);
  return new Date(turn.getTime() + Math.max(1, passed + 1) * every);
}

/** The first turn of a schedule that is new at `now`. */
export function firstTurn(rule: ScheduleRule, now: Date, nextCron: NextCron): Date {
  return rule.cron === undefined ? new Date(now.getTime() + rule.everySeconds * 1_000) : nextCron(rule.cron, now);
}
