import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { toSample } from '../node-exporter-metrics.js';
import { quote, scriptCommand } from './quote.js';
import { isReading, READ_COMMAND, READ_LINES } from './read-command.js';
import { NotAReading, readProc } from './ssh-reading.js';

/** An answer of a small machine with BusyBox, between what its login script prints. */
const BUSYBOX = `Welcome to Alpine!

@@einfra:begin

@@einfra:stat
cpu  2000 0 1000 16000 1000 0 0 0 0 0
cpu0 1000 0 500 8000 500 0 0 0 300 0
cpu1 1000 0 500 8000 500 0 0 0 0 0
btime 1764000000

@@einfra:meminfo
MemTotal:        1000000 kB
MemFree:          100000 kB
MemAvailable:     400000 kB
SwapTotal:             0 kB

@@einfra:loadavg
0.50 0.25 0.10 1/100 1234

@@einfra:uptime
12345.67 20000.00

@@einfra:netdev
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0:5000 10 0 0 0 0 0 0 7000 12 0 0 0 0 0 0

@@einfra:mounts
/dev/mmcblk0p2 / ext4 ro,relatime 0 0
/dev/sda1 /mnt/my\\040disk ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0

@@einfra:df
Filesystem           1024-blocks    Used Available Capacity Mounted on
/dev/mmcblk0p2         1000000    400000    500000  44% /
/dev/sda1              2000000   1000000   1000000  50% /mnt/my disk
tmpfs                   500000         0    500000   0% /tmp

@@einfra:inodes
Filesystem              Inodes      Used Available Capacity Mounted on
/dev/mmcblk0p2           64000     16000     48000  25% /

@@einfra:uname
router
6.6.1-lts
armv7l

@@einfra:os
NAME='Alpine Linux'
PRETTY_NAME='Alpine Linux v3.20'

@@einfra:cpuinfo
processor	: 0
Hardware	: BCM2835

@@einfra:virt

@@einfra:dmi
=
=
=

@@einfra:diskstats
 179       0 mmcblk0 10 0 200 5 20 0 400 6 0 700 11
 179       1 mmcblk0p1 1 0 2 5 2 0 4 6 0 7 11

@@einfra:disks
mmcblk0 62333952 

@@einfra:links
eth0 b8:27:eb:00:00:01 1500 100
lo 00:00:00:00:00:00 65536

@@einfra:addresses
2: eth0    inet 10.0.0.12/24 brd 10.0.0.255 scope global eth0

@@einfra:end
Bye!
`;

describe('an answer to the reading command', () => {
  it('has the meaning of a node_exporter’s', () => {
    const reading = readProc(BUSYBOX, 1_000_000);
    expect(reading).toMatchObject({
      at: 1_000_000,
      bootTime: 1764000000,
      uptimeSeconds: 12345.67,
      cpu: { cores: 2, idle: 170, total: 200 },
      memoryTotal: 1_024_000_000,
      memoryAvailable: 409_600_000,
      swapFree: null,
      load15: 0.1,
      interfaces: [{ device: 'eth0', receive: 5000, transmit: 7000 }],
      os: 'Alpine Linux v3.20',
      kernel: '6.6.1-lts',
      architecture: 'armv7l',
    });
    expect(reading.fileSystems).toEqual([
      {
        device: '/dev/mmcblk0p2',
        mountpoint: '/',
        type: 'ext4',
        size: 1_024_000_000,
        free: 614_400_000,
        avail: 512_000_000,
        files: 64_000,
        filesFree: 48_000,
        readOnly: true,
      },
      expect.objectContaining({ mountpoint: '/mnt/my disk', size: 2_048_000_000, files: null, readOnly: false }),
    ]);
    expect(reading.disks).toEqual([{ device: 'mmcblk0', read: 102_400, written: 204_800, busySeconds: 0.7 }]);
    expect(reading.details).toEqual({
      hostname: 'router',
      cpuModel: 'BCM2835',
      virtualisation: null,
      disks: [{ name: 'mmcblk0', model: null, sizeBytes: 31_914_983_424 }],
      interfaces: [
        {
          name: 'eth0',
          macAddress: 'b8:27:eb:00:00:01',
          mtu: 1500,
          speedBitsPerSecond: 100_000_000,
          addresses: ['10.0.0.12/24'],
        },
      ],
    });
  });

  it('gives rates with a second one', () => {
    const later = BUSYBOX.replace('cpu0 1000 0 500 8000', 'cpu0 1100 0 500 8100').replace('eth0:5000', 'eth0:25000');
    const sample = toSample(readProc(BUSYBOX, 1_000_000), readProc(later, 1_002_000));
    expect(sample).toMatchObject({
      cpuPercent: 50,
      networkReceiveBytesPerSecond: 10_000,
      networkTransmitBytesPerSecond: 0,
    });
  });

  it('is none when it is cut, or something else', () => {
    for (const output of [
      '',
      'This account is not available.',
      BUSYBOX.slice(0, 500),
      '\n@@einfra:begin\n\n@@einfra:end\n',
    ])
      expect(() => readProc(output, 0)).toThrow(NotAReading);
  });

  it('comes from every POSIX shell here, as this machine is', () => {
    const output = execFileSync('/bin/sh', ['-c', READ_COMMAND], { encoding: 'utf8' });
    expect(isReading(output)).toBe(true);
    const total = Number(/MemTotal:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
    expect(readProc(output, 0)).toMatchObject({ memoryTotal: total * 1024, cpu: { cores: expect.any(Number) } });
  });

  it('is what the documentation lets a restricted server give', () => {
    expect(readFileSync('docs/operations.md', 'utf8')).toContain(`#!/bin/sh\n${READ_LINES.join('\n')}\n`);
  });
});

describe('quoting', () => {
  it('keeps every word as it is', () => {
    const words = ["'", "''", '"', '$x', '`id`', '\\', '\n', '', '!', "a'b'c", '-n', '*', '&& id'];
    const output = execFileSync('/bin/sh', ['-c', scriptCommand('printf "[%s]" "$@"', ...words)], { encoding: 'utf8' });
    expect(output).toBe(words.map((word) => `[${word}]`).join(''));
    expect(quote("it's")).toBe("'it'\\''s'");
  });
});
