import { mergeFacts, NO_FACTS } from './machine-facts.js';
import { virtualisationOf } from './virtualisation.js';

describe('merging facts', () => {
  const known = { ...NO_FACTS, os: 'Debian 12', cpuCores: 4, bootedAt: '2026-01-01T00:00:00.000Z' };

  it('keeps what a source does not tell', () => {
    expect(mergeFacts(known, { os: null, disks: null, kernel: '6.1.0' })).toEqual({
      facts: { ...known, kernel: '6.1.0' },
      changed: ['kernel'],
    });
  });

  it('is nothing when nothing has changed', () => {
    expect(mergeFacts(known, { os: 'Debian 12', cpuCores: 4, interfaces: [] })).toBeNull();
  });

  it('takes a clock that was corrected for the same boot, and a reboot for another', () => {
    expect(mergeFacts(known, { bootedAt: '2026-01-01T00:00:42.000Z' })).toBeNull();
    expect(mergeFacts(known, { bootedAt: '2026-01-01T00:05:00.000Z' })?.changed).toEqual(['bootedAt']);
  });

  it('starts from nothing', () => {
    expect(mergeFacts(null, { os: 'Alpine' })?.facts).toEqual({ ...NO_FACTS, os: 'Alpine' });
  });
});

describe('virtualisation by firmware', () => {
  const named = (vendor: string, product: string, bios = ''): string | null =>
    virtualisationOf({ vendor, product, bios });

  it('knows hypervisors, clouds and real hardware', () => {
    expect(named('QEMU', 'Standard PC (Q35 + ICH9, 2009)', 'SeaBIOS')).toBe('kvm');
    expect(named('Amazon EC2', 't3.micro')).toBe('kvm');
    expect(named('Amazon EC2', 'm5.metal')).toBe('none');
    expect(named('VMware, Inc.', 'VMware7,1')).toBe('vmware');
    expect(named('Microsoft Corporation', 'Virtual Machine')).toBe('hyper-v');
    expect(named('Microsoft Corporation', 'Surface Pro')).toBe('none');
    expect(named('Dell Inc.', 'PowerEdge R650', 'Dell Inc.')).toBe('none');
    expect(named('', '')).toBeNull();
  });
});
