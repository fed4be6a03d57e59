/** A machine whose counters grow evenly, so that what must be read from it can be computed. */
export interface Machine {
  cpus: number;
  /** Share of the time in which processors work, 0–1. */
  busy: number;
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
  /** Over eth0, the only interface that counts. */
  receiveBytesPerSecond: number;
  transmitBytesPerSecond: number;
  /** Milliseconds since 1970. */
  bootedAt: number;
}

/** What node_exporter says of a machine at a moment (milliseconds since 1970). */
export function expose(machine: Machine, now: number): string {
  const uptime = Math.max(0, (now - machine.bootedAt) / 1000);
  return (
    family('node_boot_time_seconds', 'gauge', [['', machine.bootedAt / 1000]]) +
    family('node_cpu_guest_seconds_total', 'counter', cpuGuests(machine, uptime)) +
    family('node_cpu_seconds_total', 'counter', cpuTimes(machine, uptime)) +
    fileSystems() +
    family('node_load1', 'gauge', [['', machine.cpus * machine.busy]]) +
    family('node_load15', 'gauge', [['', machine.cpus * machine.busy * 0.5]]) +
    family('node_load5', 'gauge', [['', machine.cpus * machine.busy * 0.75]]) +
    family('node_memory_MemAvailable_bytes', 'gauge', [['', machine.memoryAvailableBytes]]) +
    family('node_memory_MemFree_bytes', 'gauge', [['', machine.memoryAvailableBytes / 4]]) +
    family('node_memory_MemTotal_bytes', 'gauge', [['', machine.memoryTotalBytes]]) +
    family('node_memory_SwapFree_bytes', 'gauge', [['', 2 ** 30]]) +
    family('node_memory_SwapTotal_bytes', 'gauge', [['', 2 * 2 ** 30]]) +
    family('node_network_receive_bytes_total', 'counter', traffic(machine.receiveBytesPerSecond * uptime)) +
    family('node_network_transmit_bytes_total', 'counter', traffic(machine.transmitBytesPerSecond * uptime)) +
    IDENTITY +
    family('node_time_seconds', 'gauge', [['', now / 1000]]) +
    UNRELATED
  );
}

/** The same text, all of whose values are NaN. */
export function nanText(text: string): string {
  return text.replace(/^([^#\n].*) \S+$/gm, '$1 NaN');
}

/** What a web server's exporter says. */
export const OTHER_EXPORTER =
  runtime() +
  family('nginx_connections_active', 'gauge', [['', 3]]) +
  family('nginx_http_requests_total', 'counter', [['', 128_412]]) +
  family('nginx_up', 'gauge', [['', 1]]);

type Line = [labels: string, value: number];

/** A metric with its comments. Numbers as Go prints them: exponents from 1e+06 on, which readers must understand. */
function family(name: string, type: string, lines: Line[]): string {
  const samples = lines.map(([labels, value]) => `${name}${labels && `{${labels}}`} ${goNumber(value)}\n`);
  return `# HELP ${name} Metric of a stand-in for tests.\n# TYPE ${name} ${type}\n${samples.join('')}`;
}

function goNumber(value: number): string {
  if (Math.abs(value) < 1e6) return String(value);
  return value.toExponential().replace(/e\+(\d)$/, 'e+0$1');
}

/** Of the busy time, iowait is none: it counts as idle. */
function cpuTimes({ cpus, busy }: Machine, uptime: number): Line[] {
  const shares: [mode: string, share: number][] = [
    ['idle', (1 - busy) * 0.9],
    ['iowait', (1 - busy) * 0.1],
    ['irq', 0],
    ['nice', 0],
    ['softirq', busy * 0.05],
    ['steal', busy * 0.05],
    ['system', busy * 0.3],
    ['user', busy * 0.6],
  ];
  return range(cpus).flatMap((cpu) =>
    shares.map(([mode, share]): Line => [`cpu="${cpu}",mode="${mode}"`, uptime * share]),
  );
}

/** Part of user and nice already. */
function cpuGuests({ cpus, busy }: Machine, uptime: number): Line[] {
  return range(cpus).flatMap((cpu): Line[] => [
    [`cpu="${cpu}",mode="nice"`, 0],
    [`cpu="${cpu}",mode="user"`, uptime * busy * 0.5],
  ]);
}

/** Two disks, one of them bound to a second place, and mounts that are no disks. All sizes in GiB. */
function fileSystems(): string {
  const mounts: { labels: string; size: number; free: number; avail: number; readOnly?: boolean }[] = [
    { labels: 'device="/dev/vda1",fstype="ext4",mountpoint="/"', size: 40, free: 30, avail: 28 },
    { labels: 'device="/dev/vda1",fstype="ext4",mountpoint="/var/lib/kubelet/volumes"', size: 40, free: 30, avail: 28 },
    { labels: 'device="/dev/vdb1",fstype="xfs",mountpoint="/srv/data \\"old\\""', size: 100, free: 50, avail: 50 },
    {
      labels: 'device="/dev/loop0",fstype="squashfs",mountpoint="/snap/core/1"',
      size: 1,
      free: 0,
      avail: 0,
      readOnly: true,
    },
    { labels: 'device="tmpfs",fstype="tmpfs",mountpoint="/run"', size: 8, free: 8, avail: 8 },
    {
      labels: 'device="overlay",fstype="overlay",mountpoint="/var/lib/docker/overlay2/a/merged"',
      size: 40,
      free: 30,
      avail: 28,
    },
  ];
  const gib = 2 ** 30;
  return (
    family(
      'node_filesystem_avail_bytes',
      'gauge',
      mounts.map(({ labels, avail }) => [labels, avail * gib]),
    ) +
    family(
      'node_filesystem_files',
      'gauge',
      mounts.map(({ labels, size }) => [labels, size * 65_536]),
    ) +
    family(
      'node_filesystem_files_free',
      'gauge',
      mounts.map(({ labels, free }) => [labels, free * 65_536]),
    ) +
    family(
      'node_filesystem_free_bytes',
      'gauge',
      mounts.map(({ labels, free }) => [labels, free * gib]),
    ) +
    family(
      'node_filesystem_readonly',
      'gauge',
      mounts.map(({ labels, readOnly }) => [labels, readOnly ? 1 : 0]),
    ) +
    family(
      'node_filesystem_size_bytes',
      'gauge',
      mounts.map(({ labels, size }) => [labels, size * gib]),
    )
  );
}

function traffic(bytes: number): Line[] {
  return ['docker0', 'eth0', 'lo', 'veth1a2b3c4'].map((device) => [
    `device="${device}"`,
    device === 'eth0' ? bytes : bytes * 3,
  ]);
}

const IDENTITY =
  family('node_os_info', 'gauge', [
    [
      'build_id="",id="debian",id_like="",name="Debian GNU/Linux",pretty_name="Debian GNU/Linux 13 (trixie)",version_id="13"',
      1,
    ],
  ]) +
  family('node_uname_info', 'gauge', [
    ['domainname="(none)",machine="x86_64",nodename="node",release="6.12.0-amd64",sysname="Linux",version="#1 SMP"', 1],
  ]);

/** What most of a scrape is: some thousand lines that nobody here asks for. */
const UNRELATED =
  runtime() + counters('node_netstat_Tcp_Counter', 200) + counters('node_vmstat_event', 150) + disks(24);

function runtime(): string {
  return (
    family(
      'go_gc_duration_seconds',
      'summary',
      ['0', '0.5', '1'].map((quantile) => [`quantile="${quantile}"`, NaN]),
    ) +
    family('go_goroutines', 'gauge', [['', 8]]) +
    family('process_virtual_memory_max_bytes', 'gauge', [['', 18_446_744_073_709_552_000]])
  );
}

function counters(prefix: string, count: number): string {
  return range(count)
    .map((number) => family(`${prefix}${number}`, 'untyped', [['', number * 7919]]))
    .join('');
}

function disks(count: number): string {
  const names = [
    'reads_completed',
    'writes_completed',
    'read_bytes',
    'written_bytes',
    'io_time_seconds',
    'discards_completed',
  ];
  return names
    .map((name) =>
      family(
        `node_disk_${name}_total`,
        'counter',
        range(count).map((disk) => [`device="vd${disk}"`, disk * 1e5]),
      ),
    )
    .join('');
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}
