import { expose, nanText, OTHER_EXPORTER } from '../../../test/stubs/node-exporter-text.js';
import {
  discoverFacts,
  type NodeReading,
  NotNodeExporterError,
  readCounters,
  toSample,
} from './node-exporter-metrics.js';
import { PrometheusFormatError } from './prometheus-text.js';

const AT = Date.UTC(2026, 0, 1);
const GIB = 2 ** 30;

/** The text with `replacement` where a line began with `line`. */
function withLine(text: string, line: string, replacement: string): string {
  const lines = text.split('\n');
  const at = lines.findIndex((candidate) => candidate.startsWith(line));
  if (at === -1) throw new Error(`no such line: ${line}`);
  return [...lines.slice(0, at), replacement, ...lines.slice(at + 1)].join('\n');
}

/** A scrape with nothing but what each test adds. */
const scrape = (...lines: string[]): string => ['node_memory_MemTotal_bytes 100', ...lines, ''].join('\n');

const read = (...lines: string[]): NodeReading => readCounters(scrape(...lines), AT);

/** The lines of one file system, sizes in any unit. */
function fileSystem(labels: string, size: number, free: number, avail: number): string[] {
  return [
    `node_filesystem_size_bytes{${labels}} ${size}`,
    `node_filesystem_free_bytes{${labels}} ${free}`,
    `node_filesystem_avail_bytes{${labels}} ${avail}`,
  ];
}

const ext4 = (device: string, mountpoint: string): string =>
  `device="${device}",fstype="ext4",mountpoint="${mountpoint}"`;

/** Two readings of the same machine, ten seconds apart unless told. */
function interval(before: string[], after: string[], seconds = 10): ReturnType<typeof toSample> {
  return toSample(read(...before), { ...read(...after), at: AT + seconds * 1000 });
}

const cpu = (idle: number, user: number, core = 0): string[] => [
  `node_cpu_seconds_total{cpu="${core}",mode="idle"} ${idle}`,
  `node_cpu_seconds_total{cpu="${core}",mode="user"} ${user}`,
];

const received = (device: string, bytes: number | string): string =>
  `node_network_receive_bytes_total{device="${device}"} ${bytes}`;

describe('a real scrape', () => {
  it('is read whole', () => {
    const { cpu: times, ...rest } = readCounters(REAL, AT);
    expect(rest).toEqual({
      at: AT,
      bootTime: 1795531615,
      uptimeSeconds: expect.closeTo(2253.111, 3),
      memoryTotal: 25276514304,
      memoryAvailable: 24449429504,
      swapTotal: 0,
      swapFree: 0,
      load1: 0.71,
      load5: 0.39,
      load15: 0.2,
      fileSystems: [
        {
          device: '/dev/vda',
          mountpoint: '/',
          type: 'ext4',
          size: 270553174016,
          free: 256403255296,
          avail: 83643375616,
          files: 16777216,
          filesFree: 16286818,
          readOnly: false,
        },
      ],
      interfaces: [{ device: 'eth0', receive: 751740502, transmit: 2566452 }],
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.12.0-amd64',
      architecture: 'x86_64',
      disks: [],
      details: {
        hostname: 'node',
        cpuModel: null,
        virtualisation: null,
        disks: null,
        interfaces: [{ name: 'eth0', macAddress: null, mtu: null, speedBitsPerSecond: null, addresses: [] }],
      },
    });
    expect(times).toEqual({ cores: 2, idle: expect.closeTo(4252.31, 6), total: expect.closeTo(4488, 6) });
  });

  it('makes a first sample without CPU and network', () => {
    expect(toSample(null, readCounters(REAL, AT))).toEqual({
      at: new Date(AT),
      cpuPercent: null,
      memoryPercent: 3.27,
      memoryUsedBytes: 827084800,
      memoryTotalBytes: 25276514304,
      diskPercent: 14.47,
      diskUsedBytes: 14149918720,
      diskTotalBytes: 270553174016,
      networkReceiveBytesPerSecond: null,
      networkTransmitBytesPerSecond: null,
      load1: 0.71,
      load5: 0.39,
      load15: 0.2,
      uptimeSeconds: 2253,
    });
  });

  it('tells what the machine is', () => {
    expect(discoverFacts(readCounters(REAL, AT))).toEqual({
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.12.0-amd64',
      architecture: 'x86_64',
      cpuCores: 2,
      memoryBytes: 25276514304,
      diskBytes: 270553174016,
    });
  });

  it('stays the same through JSON', () => {
    const reading = readCounters(REAL, AT);
    const stored = JSON.stringify(reading);
    expect(JSON.parse(stored)).toEqual(reading);
    expect(stored.length).toBeLessThan(1000);
  });
});

describe('a machine whose counters grow evenly', () => {
  const machine = {
    cpus: 4,
    busy: 0.25,
    memoryTotalBytes: 16 * GIB,
    memoryAvailableBytes: 12 * GIB,
    receiveBytesPerSecond: 125_000,
    transmitBytesPerSecond: 50_000,
    bootedAt: AT - 86_400_000,
  };
  const at = (ms: number, bootedAt = machine.bootedAt): NodeReading =>
    readCounters(expose({ ...machine, bootedAt }, ms), ms);

  it('has the percentages and rates that it was given', () => {
    expect(toSample(at(AT), at(AT + 15_000))).toEqual({
      at: new Date(AT + 15_000),
      cpuPercent: 25,
      memoryPercent: 25,
      memoryUsedBytes: 4 * GIB,
      memoryTotalBytes: 16 * GIB,
      // two disks, 40 and 100 GiB: 10 + 50 used, 28 + 50 available
      diskPercent: 43.48,
      diskUsedBytes: 60 * GIB,
      diskTotalBytes: 140 * GIB,
      networkReceiveBytesPerSecond: 125_000,
      networkTransmitBytesPerSecond: 50_000,
      load1: 1,
      load5: 0.75,
      load15: 0.5,
      uptimeSeconds: 86_415,
    });
  });

  it('knows neither CPU nor network after a reboot, even when its counters have passed the old ones', () => {
    const young = at(AT, AT - 20_000);
    const rebooted = at(AT + 60_000, AT + 5000);
    expect(rebooted.cpu?.total).toBeGreaterThan(young.cpu?.total ?? Infinity);
    expect(toSample(young, rebooted)).toMatchObject({
      cpuPercent: null,
      networkReceiveBytesPerSecond: null,
      networkTransmitBytesPerSecond: null,
      memoryPercent: 25,
      uptimeSeconds: 55,
    });
  });

  it('does not take a corrected clock for a reboot', () => {
    const corrected = readCounters(expose({ ...machine, bootedAt: machine.bootedAt + 2000 }, AT + 17_000), AT + 15_000);
    expect(toSample(at(AT), corrected).cpuPercent).toBe(25);
  });
});

describe('CPU', () => {
  it('counts waiting for disks as idle and a stolen second as busy', () => {
    const mode = (name: string, seconds: number): string => `node_cpu_seconds_total{cpu="0",mode="${name}"} ${seconds}`;
    const before = ['idle', 'iowait', 'user', 'steal'].map((name) => mode(name, 10));
    expect(
      interval(before, [mode('idle', 14), mode('iowait', 12), mode('user', 11), mode('steal', 13)]).cpuPercent,
    ).toBe(40);
  });

  it('counts no guest second twice, wherever it is told', () => {
    const guest = (seconds: number): string[] => [
      `node_cpu_seconds_total{cpu="0",mode="guest"} ${seconds}`,
      `node_cpu_guest_seconds_total{cpu="0",mode="user"} ${seconds}`,
    ];
    expect(interval([...cpu(0, 0), ...guest(0)], [...cpu(5, 5), ...guest(5)]).cpuPercent).toBe(50);
  });

  it.each([
    ['time went back', [...cpu(10, 10)], [...cpu(11, 5)]],
    ['idle time went back', [...cpu(10, 10)], [...cpu(9, 20)]],
    ['no time was counted', [...cpu(10, 10)], [...cpu(10, 10)]],
    ['a processor came', [...cpu(10, 10)], [...cpu(11, 11), ...cpu(1, 1, 1)]],
    ['a value is NaN', [...cpu(10, 10)], [...cpu(11, 11), 'node_cpu_seconds_total{cpu="0",mode="system"} NaN']],
    ['a value is infinite', [...cpu(10, 10)], [...cpu(11, 11), 'node_cpu_seconds_total{cpu="0",mode="system"} +Inf']],
    ['there was none before', [], [...cpu(10, 10)]],
    ['there is none any more', [...cpu(10, 10)], []],
  ])('is unknown when %s', (_what, before, after) => {
    expect(interval(before, after).cpuPercent).toBeNull();
  });

  it('is unknown when our clock stood still or went back', () => {
    expect(interval(cpu(10, 10), cpu(11, 11), 0).cpuPercent).toBeNull();
    expect(interval(cpu(10, 10), cpu(11, 11), -5).cpuPercent).toBeNull();
  });

  it('is unknown after a reboot that only the boot time tells', () => {
    const booted = (seconds: number): string => `node_boot_time_seconds ${seconds}`;
    expect(interval([...cpu(10, 10), booted(1000)], [...cpu(19, 11), booted(2000)]).cpuPercent).toBeNull();
    expect(interval([...cpu(10, 10), booted(1000)], [...cpu(19, 11), booted(1003)]).cpuPercent).toBe(10);
  });

  it('needs no boot time', () => {
    expect(interval(cpu(10, 10), cpu(19, 11)).cpuPercent).toBe(10);
  });
});

describe('memory', () => {
  it.each([
    ['NaN', 'node_memory_MemAvailable_bytes NaN'],
    ['missing', 'node_load1 1'],
    ['more than there is', 'node_memory_MemAvailable_bytes 101'],
    ['negative', 'node_memory_MemAvailable_bytes -1'],
  ])('knows the total when what is available is %s', (_what, line) => {
    expect(toSample(null, read(line))).toMatchObject({
      memoryTotalBytes: 100,
      memoryUsedBytes: null,
      memoryPercent: null,
    });
  });
});

describe('disks', () => {
  const sample = (...lines: string[]): object => {
    const { diskTotalBytes, diskUsedBytes, diskPercent } = toSample(null, read(...lines));
    return { diskTotalBytes, diskUsedBytes, diskPercent };
  };

  it('are counted as df does: the percentage leaves out what is reserved', () => {
    expect(sample(...fileSystem(ext4('/dev/sda1', '/'), 100, 40, 20))).toEqual({
      diskTotalBytes: 100,
      diskUsedBytes: 60,
      diskPercent: 75,
    });
  });

  it('are counted once for each device, under its shortest mount point', () => {
    const lines = [
      ...fileSystem(ext4('/dev/sda1', '/var/lib/kubelet/pods/a'), 100, 40, 40),
      ...fileSystem(ext4('/dev/sda1', '/'), 100, 40, 40),
      ...fileSystem(ext4('/dev/sdb1', '/srv'), 100, 100, 100),
    ];
    expect(read(...lines).fileSystems.map(({ mountpoint }) => mountpoint)).toEqual(['/', '/srv']);
    expect(sample(...lines)).toEqual({ diskTotalBytes: 200, diskUsedBytes: 60, diskPercent: 30 });
  });

  it.each(['tmpfs', 'overlay', 'squashfs', 'ramfs', 'nsfs', 'proc', 'nfs4', 'cifs', 'fuse.sshfs', 'iso9660'])(
    'leave out %s',
    (type) => {
      expect(read(...fileSystem(`device="x",fstype="${type}",mountpoint="/x"`, 100, 0, 0)).fileSystems).toEqual([]);
    },
  );

  it.each(['ext4', 'xfs', 'btrfs', 'vfat', 'fuseblk', 'zfs', 'f2fs'])('keep %s', (type) => {
    expect(read(...fileSystem(`device="x",fstype="${type}",mountpoint="/x"`, 100, 0, 0)).fileSystems).toHaveLength(1);
  });

  it('count what the data sets of a ZFS pool share once', () => {
    const zfs = (device: string, mountpoint: string): string =>
      `device="${device}",fstype="zfs",mountpoint="${mountpoint}"`;
    const lines = [
      ...fileSystem(zfs('tank', '/tank'), 60, 50, 50),
      ...fileSystem(zfs('tank/home', '/tank/home'), 80, 50, 50),
      ...fileSystem(zfs('tank/home', '/mnt/bound/again'), 80, 50, 50),
      ...fileSystem(zfs('other', '/other'), 20, 10, 10),
    ];
    // tank: 10 and 30 used, 50 free; other: 10 used, 10 free
    expect(sample(...lines)).toEqual({ diskTotalBytes: 110, diskUsedBytes: 50, diskPercent: 45.45 });
  });

  it('keep the read-only flag, and files where they are counted', () => {
    const labels = ext4('/dev/sda1', '/');
    const lines = [
      ...fileSystem(labels, 100, 40, 40),
      `node_filesystem_readonly{${labels}} 1`,
      `node_filesystem_files{${labels}} 7`,
    ];
    expect(read(...lines).fileSystems).toMatchObject([{ readOnly: true, files: 7, filesFree: null }]);
  });

  it('leave out one that could not be asked, and are unknown without any', () => {
    const broken = `node_filesystem_device_error{${ext4('/dev/sdb1', '/srv')}} 1`;
    expect(sample(broken, ...fileSystem(ext4('/dev/sda1', '/'), 100, 40, 40))).toMatchObject({ diskTotalBytes: 100 });
    expect(sample(broken)).toEqual({ diskTotalBytes: null, diskUsedBytes: null, diskPercent: null });
    expect(sample(...fileSystem(ext4('/dev/sda1', '/'), NaN, NaN, NaN))).toEqual({
      diskTotalBytes: null,
      diskUsedBytes: null,
      diskPercent: null,
    });
  });

  it('hold no character that a database refuses', () => {
    const [disk] = read(...fileSystem(ext4('/dev/sda1', '/a\0b\u001b[31m'), 1, 1, 1)).fileSystems;
    expect(disk?.mountpoint).toBe('/a b [31m');
    const long = read(...fileSystem(ext4('/dev/sda1', '/' + '😀'.repeat(200)), 1, 1, 1)).fileSystems[0];
    expect(long?.mountpoint.length).toBe(200);
    expect(long?.mountpoint.isWellFormed()).toBe(true);
  });
});

describe('network', () => {
  it.each([
    ...[
      'lo',
      'veth1a2b',
      'docker0',
      'br-0123456789ab',
      'br0',
      'vmbr0',
      'virbr0',
      'cni0',
      'flannel.1',
      'cali12ab',
      'cilium_host',
    ],
    ...[
      'tun0',
      'tunl0',
      'tap0',
      'wg0',
      'tailscale0',
      'vxlan.calico',
      'bond0',
      'eth0.100',
      'vlan7',
      'kube-ipvs0',
      'dummy0',
      'ppp0',
      'ifb1',
    ],
  ])('leaves out %s', (device) => {
    expect(read(received(device, 1)).interfaces).toEqual([]);
  });

  it.each([
    'eth0',
    'ens3',
    'enp0s31f6',
    'eno1np0',
    'enx001122334455',
    'wlan0',
    'wlp2s0',
    'ib0',
    'wwan0',
    'venet0',
    'em1',
  ])('counts %s', (device) => {
    expect(read(received(device, 1)).interfaces).toEqual([{ device, receive: 1, transmit: null }]);
  });

  it('adds up the interfaces that both readings have', () => {
    const before = [received('eth0', 1000), received('eth1', 0), received('gone0', 5)];
    const after = [received('eth0', 2000), received('eth1', 505), received('new0', 1e9)];
    expect(interval(before, after)).toMatchObject({
      networkReceiveBytesPerSecond: 151,
      networkTransmitBytesPerSecond: null,
    });
  });

  it.each([
    [
      'a counter went back',
      [received('eth0', 1000), received('eth1', 10)],
      [received('eth0', 2000), received('eth1', 9)],
    ],
    ['no interface stayed', [received('eth0', 1000)], [received('eth1', 2000)]],
    ['its only counter is NaN', [received('eth0', 1000)], [received('eth0', 'NaN')]],
    ['its only counter was NaN', [received('eth0', '+Inf')], [received('eth0', 5)]],
  ])('is unknown when %s', (_what, before, after) => {
    expect(interval(before, after).networkReceiveBytesPerSecond).toBeNull();
  });
});

describe('a machine that claims to have everything', () => {
  it('stays small in storage', () => {
    const many = [...Array(3000).keys()];
    const lines = many.flatMap((n) => [received(`eth${n}`, n), ...fileSystem(ext4(`/dev/disk${n}`, `/${n}`), 2, 1, 1)]);
    const reading = read(...lines);
    expect([reading.interfaces.length, reading.fileSystems.length]).toEqual([1000, 1000]);
  });
});

describe('other values', () => {
  it('are unknown when they are no numbers that can be stored', () => {
    const lines = [
      'node_load1 NaN',
      'node_load5 +Inf',
      'node_load15 1e300',
      'node_time_seconds 5',
      'node_boot_time_seconds 10',
    ];
    expect(toSample(null, read(...lines))).toMatchObject({
      load1: null,
      load5: null,
      load15: null,
      uptimeSeconds: null,
    });
  });

  it('are absent facts when they are not told', () => {
    const facts = discoverFacts(read('node_os_info{name="Debian"} 1', 'node_uname_info{release=" "} 1'));
    expect(JSON.parse(JSON.stringify(facts))).toEqual({ memoryBytes: 100 });
  });
});

describe('what is no node_exporter', () => {
  const failure = (text: string): unknown => {
    try {
      return readCounters(text, AT);
    } catch (error) {
      return error;
    }
  };

  it('is named when it is another exporter, or nothing', () => {
    for (const text of [OTHER_EXPORTER, '', '# a comment\n']) {
      const error = failure(text);
      expect(error).toBeInstanceOf(NotNodeExporterError);
      expect((error as Error).message).toContain('not from a node_exporter');
    }
  });

  it('is named when no value is a number', () => {
    const error = failure(nanText(REAL));
    expect(error).toBeInstanceOf(NotNodeExporterError);
    expect((error as Error).message).toContain('are not numbers');
  });

  it('is named when it speaks of several machines', () => {
    const error = failure(
      'node_load1{instance="a"} 1\nnode_load1{instance="b"} 2\nnode_memory_MemTotal_bytes{instance="a"} 1\n',
    );
    expect(error).toBeInstanceOf(NotNodeExporterError);
    expect((error as Error).message).toContain('several machines');
  });

  it('is a format error when it is no exposition, or was cut', () => {
    expect(failure('<!DOCTYPE html>\n')).toBeInstanceOf(PrometheusFormatError);
    expect(failure(REAL.slice(0, -5))).toBeInstanceOf(PrometheusFormatError);
  });

  it('is still one without CPU, or without memory', () => {
    expect(read('node_load1 1').cpu).toBeNull();
    const text = withLine(REAL, 'node_memory_MemTotal_bytes ', 'node_memory_MemTotal_bytes NaN');
    expect(toSample(null, readCounters(text, AT))).toMatchObject({
      memoryTotalBytes: null,
      memoryUsedBytes: null,
      load1: 0.71,
    });
  });
});

/** From node_exporter 1.5.0 on Linux; of some thousand lines, those that matter and a few that don't. */
const REAL = `# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 0
# HELP node_boot_time_seconds Node boot time, in unixtime.
# TYPE node_boot_time_seconds gauge
node_boot_time_seconds 1.795531615e+09
# TYPE node_cpu_guest_seconds_total counter
node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0
node_cpu_guest_seconds_total{cpu="0",mode="user"} 0
node_cpu_guest_seconds_total{cpu="1",mode="nice"} 0
node_cpu_guest_seconds_total{cpu="1",mode="user"} 0
# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 2147.34
node_cpu_seconds_total{cpu="0",mode="iowait"} 1.5
node_cpu_seconds_total{cpu="0",mode="irq"} 0
node_cpu_seconds_total{cpu="0",mode="nice"} 0
node_cpu_seconds_total{cpu="0",mode="softirq"} 0.33
node_cpu_seconds_total{cpu="0",mode="steal"} 0.05
node_cpu_seconds_total{cpu="0",mode="system"} 29.64
node_cpu_seconds_total{cpu="0",mode="user"} 64.07
node_cpu_seconds_total{cpu="1",mode="idle"} 2095.53
node_cpu_seconds_total{cpu="1",mode="iowait"} 7.94
node_cpu_seconds_total{cpu="1",mode="irq"} 0
node_cpu_seconds_total{cpu="1",mode="nice"} 0
node_cpu_seconds_total{cpu="1",mode="softirq"} 1.4
node_cpu_seconds_total{cpu="1",mode="steal"} 0.13
node_cpu_seconds_total{cpu="1",mode="system"} 44.05
node_cpu_seconds_total{cpu="1",mode="user"} 96.02
# TYPE node_exporter_build_info gauge
node_exporter_build_info{branch="debian/sid",goarch="amd64",goos="linux",goversion="go1.19.8",revision="1.5.0-1+b6",version="1.5.0"} 1
# TYPE node_filesystem_avail_bytes gauge
node_filesystem_avail_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 8.3643375616e+10
# TYPE node_filesystem_device_error gauge
node_filesystem_device_error{device="/dev/vda",fstype="ext4",mountpoint="/"} 0
# TYPE node_filesystem_files gauge
node_filesystem_files{device="/dev/vda",fstype="ext4",mountpoint="/"} 1.6777216e+07
# TYPE node_filesystem_files_free gauge
node_filesystem_files_free{device="/dev/vda",fstype="ext4",mountpoint="/"} 1.6286818e+07
# TYPE node_filesystem_free_bytes gauge
node_filesystem_free_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 2.56403255296e+11
# TYPE node_filesystem_readonly gauge
node_filesystem_readonly{device="/dev/vda",fstype="ext4",mountpoint="/"} 0
# TYPE node_filesystem_size_bytes gauge
node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 2.70553174016e+11
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.71
# TYPE node_load15 gauge
node_load15 0.2
# TYPE node_load5 gauge
node_load5 0.39
# TYPE node_memory_Buffers_bytes gauge
node_memory_Buffers_bytes 1.6191488e+07
# TYPE node_memory_Cached_bytes gauge
node_memory_Cached_bytes 6.54700544e+08
# TYPE node_memory_MemAvailable_bytes gauge
node_memory_MemAvailable_bytes 2.4449429504e+10
# TYPE node_memory_MemFree_bytes gauge
node_memory_MemFree_bytes 2.3850037248e+10
# TYPE node_memory_MemTotal_bytes gauge
node_memory_MemTotal_bytes 2.5276514304e+10
# TYPE node_memory_SwapFree_bytes gauge
node_memory_SwapFree_bytes 0
# TYPE node_memory_SwapTotal_bytes gauge
node_memory_SwapTotal_bytes 0
# TYPE node_netstat_Tcp_InSegs untyped
node_netstat_Tcp_InSegs 24543
node_network_info{address="00:00:00:00:00:00",broadcast="00:00:00:00:00:00",device="lo",duplex="",ifalias="",operstate="unknown"} 1
# TYPE node_network_receive_bytes_total counter
node_network_receive_bytes_total{device="eth0"} 7.51740502e+08
node_network_receive_bytes_total{device="ifb0"} 0
node_network_receive_bytes_total{device="ifb1"} 0
# TYPE node_network_transmit_bytes_total counter
node_network_transmit_bytes_total{device="eth0"} 2.566452e+06
node_network_transmit_bytes_total{device="ifb0"} 0
node_network_transmit_bytes_total{device="ifb1"} 0
# TYPE node_os_info gauge
node_os_info{build_id="",id="debian",id_like="",image_id="",image_version="",name="Debian GNU/Linux",pretty_name="Debian GNU/Linux 12 (bookworm)",variant="",variant_id="",version="12 (bookworm)",version_codename="bookworm",version_id="12"} 1
# HELP node_time_seconds System time in seconds since epoch (1970).
# TYPE node_time_seconds gauge
node_time_seconds 1.7955338681113124e+09
# TYPE node_uname_info gauge
node_uname_info{domainname="(none)",machine="x86_64",nodename="node",release="6.12.0-amd64",sysname="Linux",version="#1 SMP PREEMPT_DYNAMIC @0"} 1
`;
