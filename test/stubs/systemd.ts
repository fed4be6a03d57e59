import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Programs that answer as systemd's do, in a directory to be put first in PATH. */
export interface FakeSystemd {
  directory: string;
  /** Command lines that were run, oldest first: program and arguments. */
  calls(): string[];
  /** Adds a line to the journal. */
  log(message: string | number[]): void;
  /** Makes `sudo` ask for a password, which nobody can type. */
  denySudo(denied: boolean): void;
  close(): void;
}

const SYSTEMCTL = `#!/bin/sh
D=$(dirname "$0"); echo "systemctl $*" >> "$D/calls"
verb=; unit=
for a in "$@"; do case $a in -*) ;; *) if [ -z "$verb" ]; then verb=$a; else unit=$a; fi;; esac; done
active() { cat "$D/active"; }
enabled() { cat "$D/enabled"; }
case $verb in
list-units)
  echo "cron.service      loaded    $(active) $([ "$(active)" = active ] && echo running || echo dead) Regular background program processing daemon"
  echo "● broken.service  loaded    failed failed  A service that does not start"
  echo "gone.service      not-found inactive dead  gone.service";;
list-unit-files)
  echo "broken.service         disabled        enabled"
  echo "cron.service           $(enabled)         enabled"
  echo "getty@.service         enabled         enabled"
  echo "masked.service         masked          enabled"
  echo "static.service         static          -";;
show)
  case $unit in
  cron.service)
    echo "Id=cron.service"; echo "Description=Regular background program processing daemon"; echo "LoadState=loaded"
    echo "ActiveState=$(active)"; echo "SubState=$([ "$(active)" = active ] && echo running || echo dead)"; echo "UnitFileState=$(enabled)"
    echo "MainPID=612"; echo "ActiveEnterTimestamp=Tue 2026-11-24 16:00:00 UTC"; echo "Result=success"; echo "NRestarts=0"
    echo "MemoryCurrent=[not set]"; echo "FragmentPath=/lib/systemd/system/cron.service";;
  broken.service) echo "Id=broken.service"; echo "LoadState=loaded"; echo "ActiveState=failed"; echo "SubState=failed"; echo "UnitFileState=disabled"; echo "MainPID=0";;
  static.service) echo "Id=static.service"; echo "LoadState=loaded"; echo "ActiveState=inactive"; echo "SubState=dead"; echo "UnitFileState=static";;
  masked.service) echo "Id=masked.service"; echo "LoadState=masked"; echo "ActiveState=inactive"; echo "SubState=dead"; echo "UnitFileState=masked";;
  *) echo "Id=$unit"; echo "LoadState=not-found"; echo "ActiveState=inactive"; echo "SubState=dead";;
  esac;;
start|restart) [ "$unit" = broken.service ] && { echo "Job for broken.service failed because the control process exited with error code." >&2; exit 1; }; echo active > "$D/active";;
stop) echo inactive > "$D/active";;
enable) echo enabled > "$D/enabled";;
disable) echo disabled > "$D/enabled";;
reboot) ;;
*) echo "Unknown command verb $verb." >&2; exit 1;;
esac
`;

const JOURNALCTL = `#!/bin/sh
D=$(dirname "$0"); echo "journalctl $*" >> "$D/calls"
lines=100; follow=
for a in "$@"; do case $a in --lines=*) lines=\${a#--lines=};; --follow) follow=-f;; esac; done
exec tail $follow -n "$lines" "$D/journal"
`;

const SUDO = `#!/bin/sh
D=$(dirname "$0"); echo "sudo $*" >> "$D/calls"
[ -e "$D/denied" ] && { echo "sudo: a password is required" >&2; exit 1; }
while :; do case $1 in -n) shift;; -u) shift 2;; --) shift; break;; *) break;; esac; done
exec "$@"
`;

/** systemd with the services cron, broken, static and masked, and the journal of whichever is asked for. */
export function fakeSystemd(): FakeSystemd {
  const directory = mkdtempSync(join(tmpdir(), 'einfra-systemd-'));
  mkdirSync(directory, { recursive: true });
  // the SSH user may be another one
  chmodSync(directory, 0o777);
  const programs = { systemctl: SYSTEMCTL, journalctl: JOURNALCTL, sudo: SUDO };
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(directory, name), text, { mode: 0o755 });
  const files = { active: 'active\n', enabled: 'enabled\n', journal: '', calls: '' };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o666);
  }
  return {
    directory,
    calls: () => readFileSync(join(directory, 'calls'), 'utf8').split('\n').filter(Boolean),
    log: (message) => {
      const entry = { __REALTIME_TIMESTAMP: `${Date.now() * 1000}`, PRIORITY: '6', _PID: '612', MESSAGE: message };
      writeFileSync(join(directory, 'journal'), `${JSON.stringify(entry)}\n`, { flag: 'a' });
    },
    denySudo: (denied) => {
      if (denied) writeFileSync(join(directory, 'denied'), '');
      else rmSync(join(directory, 'denied'), { force: true });
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
