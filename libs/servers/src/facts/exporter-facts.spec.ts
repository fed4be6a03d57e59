import { readDisks } from '../node-exporter-devices.js';
import { parsePrometheusText } from '../prometheus-text.js';
import { readDetails } from './exporter-facts.js';

const samplesOf = (...lines: string[]): ReturnType<typeof parsePrometheusText> =>
  parsePrometheusText(`${lines.join('\n')}\n`, () => true);

describe('details of a machine', () => {
  it('are read from the metrics that carry them in labels', () => {
    expect(
      readDetails(
        samplesOf(
          'node_uname_info{nodename="web-1",release="6.1.0",machine="x86_64"} 1',
          'node_cpu_info{cpu="0",model_name="AMD EPYC 7763"} 1',
          'node_cpu_info{cpu="1",model_name="AMD EPYC 7763"} 1',
          'node_dmi_info{system_vendor="QEMU",product_name="Standard PC",bios_vendor="SeaBIOS"} 1',
          'node_disk_info{device="sdb",model="QEMU HARDDISK"} 1',
          'node_disk_info{device="sda",model=""} 1',
          'node_disk_info{device="dm-0",model=""} 1',
          'node_network_info{device="eth0",address="52:54:00:AB:cd:01",operstate="up"} 1',
          'node_network_info{device="veth1",address="52:54:00:ab:cd:02"} 1',
          'node_network_info{device="eth1",address="not one"} 1',
          'node_network_mtu_bytes{device="eth0"} 1500',
          'node_network_speed_bytes{device="eth0"} 1.25e+08',
          'node_network_speed_bytes{device="eth1"} -1',
          'node_network_address_info{device="eth0",address="10.0.0.12",netmask="24",scope="global"} 1',
        ),
      ),
    ).toEqual({
      hostname: 'web-1',
      cpuModel: 'AMD EPYC 7763',
      virtualisation: 'kvm',
      disks: [
        { name: 'sda', model: null, sizeBytes: null },
        { name: 'sdb', model: 'QEMU HARDDISK', sizeBytes: null },
      ],
      interfaces: [
        {
          name: 'eth0',
          macAddress: '52:54:00:ab:cd:01',
          mtu: 1500,
          speedBitsPerSecond: 1e9,
          addresses: ['10.0.0.12/24'],
        },
        { name: 'eth1', macAddress: null, mtu: null, speedBitsPerSecond: null, addresses: [] },
      ],
    });
  });

  it('are null where the exporter tells nothing', () => {
    expect(readDetails(samplesOf('node_load1 1'))).toEqual({
      hostname: null,
      cpuModel: null,
      virtualisation: null,
      disks: null,
      interfaces: null,
    });
  });
});

describe('disks', () => {
  it('are counted as wholes', () => {
    const devices = [
      'sda',
      'sda1',
      'nvme0n1',
      'nvme0n1p2',
      'vdb',
      'xvda',
      'xvda1',
      'mmcblk0',
      'mmcblk0p1',
      'dm-0',
      'md127',
      'loop3',
      'zram0',
      'sr0',
    ];
    const found = readDisks(samplesOf(...devices.map((device) => `node_disk_read_bytes_total{device="${device}"} 1`)));
    expect(found.map(({ device }) => device)).toEqual(['sda', 'nvme0n1', 'vdb', 'xvda', 'mmcblk0']);
  });
});
