import { AS_ROOT } from '../ssh/answers.js';
import { scriptCommand } from '../ssh/quote.js';

/** What may be done to a service. */
export type ServiceAction = 'start' | 'stop' | 'restart' | 'enable' | 'disable';

/** Names of units as systemd allows them, without the escapes that services don't need. */
export const UNIT_NAME = /^[A-Za-z0-9:_.@-]+$/;

const UNIT_SUFFIX = /\.(service|socket|timer|target|path|mount|automount|swap|slice|scope|device)$/;

const ENVIRONMENT =
  'LC_ALL=C TZ=UTC SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat; export LC_ALL TZ SYSTEMD_COLORS SYSTEMD_PAGER; ';
const BETWEEN = '@@einfra:files';

/** The whole name: `nginx` is `nginx.service`. */
export function unitOf(name: string): string {
  return UNIT_SUFFIX.test(name) ? name : `${name}.service`;
}

/** Loaded services, then those that are installed. */
export const LIST_COMMAND = scriptCommand(
  `${ENVIRONMENT}systemctl list-units --type=service --all --full --plain --no-legend --no-pager || exit; echo; echo ${BETWEEN}; ` +
    'systemctl list-unit-files --type=service --full --no-legend --no-pager',
);

const PROPERTIES =
  'Id,Description,LoadState,ActiveState,SubState,UnitFileState,MainPID,ActiveEnterTimestamp,Result,NRestarts,MemoryCurrent,FragmentPath';

export function showCommand(unit: string): string {
  return scriptCommand(`${ENVIRONMENT}exec systemctl show --no-pager --property=${PROPERTIES} -- "$1"`, unit);
}

export function actionCommand(action: ServiceAction, unit: string): string {
  return scriptCommand(
    `${ENVIRONMENT}${AS_ROOT}exec $S systemctl --no-ask-password --no-pager ${action} -- "$1"`,
    unit,
  );
}

/** What of the journal is asked for. */
export interface JournalRequest {
  unit: string;
  tail: number;
  since?: Date;
  follow: boolean;
}

/** Members of these groups read the journal; everybody else needs root. */
const READS_JOURNAL = 'id -nG | grep -qwE "systemd-journal|adm|wheel" && S=; ';

export function journalCommand({ unit, tail, since, follow }: JournalRequest): string {
  const args = ['--no-pager', '--output=json', '--all', `--lines=${tail}`, `--unit=${unit}`];
  if (since) args.push(`--since=@${Math.floor(since.getTime() / 1000)}`);
  if (follow) args.push('--follow');
  return scriptCommand(`${ENVIRONMENT}${AS_ROOT}${READS_JOURNAL}exec $S journalctl "$@"`, ...args);
}

/** A service in a list. */
export interface ListedUnit {
  name: string;
  description: string;
  loadState: string;
  activeState: string;
  subState: string;
  unitFileState: string | null;
}

/** Reads the answer to LIST_COMMAND: units by name. */
export function parseUnits(output: string): ListedUnit[] {
  const [loaded = '', files = ''] = output.split(`\n${BETWEEN}\n`);
  const units = new Map<string, ListedUnit>();
  for (const line of loaded.split('\n')) {
    // old versions mark failed units with a dot, whatever --plain says
    const [, name, loadState = '', activeState = '', subState = '', description = ''] =
      /^[●*\s]*(\S+\.service)\s+(\S+)\s+(\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    if (name)
      units.set(name, { name, description: description.trim(), loadState, activeState, subState, unitFileState: null });
  }
  for (const line of files.split('\n')) {
    const [, name, state] = /^(\S+\.service)\s+(\S+)/.exec(line) ?? [];
    // templates are no services, only what services are made of
    if (!name || !state || name.includes('@.')) continue;
    const unit = units.get(name);
    if (unit) unit.unitFileState = state;
    else
      units.set(name, {
        ...NOT_LOADED,
        name,
        unitFileState: state,
        loadState: state === 'masked' ? 'masked' : 'loaded',
      });
  }
  return [...units.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const NOT_LOADED = { description: '', activeState: 'inactive', subState: 'dead' };

/** Reads `NAME=value` lines. */
export function parseProperties(output: string): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const line of output.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) properties[line.slice(0, at)] = line.slice(at + 1);
  }
  return properties;
}

/** A line of a journal. */
export interface JournalLine {
  at: string;
  message: string;
  /** 0 emergency – 7 debug; null when the sender gave none. */
  priority: number | null;
  pid: number | null;
}

/** Reads a line of `journalctl -o json`; null for what is none. */
export function parseJournalLine(text: string): JournalLine | null {
  try {
    const entry = JSON.parse(text) as Record<string, unknown>;
    const at = new Date(Number(entry['__REALTIME_TIMESTAMP']) / 1000);
    const whole = (value: unknown): number | null => (/^\d{1,9}$/.test(String(value)) ? Number(value) : null);
    return {
      at: at.toISOString(),
      message: messageOf(entry['MESSAGE']),
      priority: whole(entry['PRIORITY']),
      pid: whole(entry['_PID']),
    };
  } catch {
    return null;
  }
}

/** A text; bytes when they are not UTF-8; a list of texts when the field came several times. */
function messageOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  if (value.every((member) => typeof member === 'number')) return Buffer.from(value).toString('utf8');
  return value.map(messageOf).join('\n');
}

/** `Tue 2026-11-24 16:00:00 UTC`, as systemctl shows it with TZ=UTC; null for `n/a` and nothing. */
export function timestampOf(text: string | undefined): string | null {
  const [, date, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text?.trim() ?? '') ?? [];
  return date && time ? `${date}T${time}.000Z` : null;
}
