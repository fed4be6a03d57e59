import { quote } from './quote.js';

/** The lines of READ_SCRIPT; docs/operations.md shows them. */
export const READ_LINES = [
  'LC_ALL=C; PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH; exec 2>/dev/null',
  's() { echo; echo "@@einfra:$1"; }',
  's begin; s stat; grep -E "^(cpu|btime)" /proc/stat',
  's meminfo; cat /proc/meminfo; s loadavg; cat /proc/loadavg; s uptime; cat /proc/uptime; s netdev; cat /proc/net/dev',
  's mounts; cat /proc/mounts; s df; df -P -k -l || df -P -k; s inodes; df -P -i -l || df -P -i',
  's uname; uname -n; uname -r; uname -m; s os; cat /etc/os-release || cat /usr/lib/os-release; s cpuinfo; head -n 40 /proc/cpuinfo',
  's virt; systemd-detect-virt; s dmi; for f in sys_vendor product_name bios_vendor; do echo "=$(cat "/sys/class/dmi/id/$f")"; done',
  's diskstats; cat /proc/diskstats; s disks; for d in /sys/block/*; do echo "${d##*/} $(cat "$d/size") $(cat "$d/device/model")"; done',
  's links; for d in /sys/class/net/*; do echo "${d##*/} $(cat "$d/address") $(cat "$d/mtu") $(cat "$d/speed")"; done',
  's addresses; ip -o addr; s end',
];

/**
 * What a reading runs on a server, in one session. It takes no arguments and contains nothing that a caller sent; any POSIX shell runs
 * it, BusyBox's too. Each section begins with a line of its own, so that what a login script prints can't be mistaken for an answer.
 * docs/operations.md shows it for servers that shall run nothing else.
 */
export const READ_SCRIPT = READ_LINES.join('; ');

/** The command line of a reading. */
export const READ_COMMAND = `exec /bin/sh -c ${quote(READ_SCRIPT)} </dev/null`;

/** An answer's lines by section. */
export type Sections = Map<string, string[]>;

/** Sections of an answer by name; null when it is not one, or not a whole one. */
export function sectionsOf(output: string): Sections | null {
  const lines = output.split(/\r?\n/);
  const begin = lines.lastIndexOf('@@einfra:begin');
  const end = lines.indexOf('@@einfra:end', begin);
  if (begin < 0 || end < 0) return null;
  const sections: Sections = new Map();
  let current: string[] = [];
  for (const line of lines.slice(begin + 1, end)) {
    const name = /^@@einfra:([a-z]+)$/.exec(line)?.[1];
    if (name) sections.set(name, (current = []));
    else if (line !== '') current.push(line);
  }
  return sections;
}

/** Whether an answer is that of a reading: a server in restricted mode gives it whatever was asked. */
export function isReading(output: string): boolean {
  return output.includes('\n@@einfra:begin\n');
}

/** The first line of a section; empty without one. */
export function first(sections: Sections, name: string): string {
  return sections.get(name)?.[0] ?? '';
}

/** The first line of a section that starts so; empty without one. */
export function line(sections: Sections, name: string, start: string): string {
  return sections.get(name)?.find((text) => text.startsWith(start)) ?? '';
}

/** What stands between the spaces. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/).filter(Boolean);
}
