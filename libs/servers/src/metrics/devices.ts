import type { NodeReading } from '../node-exporter-metrics.js';
import type { DevicesView } from './devices.view.js';

/** Listed at the most, of each kind. */
const MAX_LISTED = 200;

/** Every file system, disk and interface at the moment of a reading. Rates need the one before, which must be of the same boot. */
export function devicesOf(previous: NodeReading | null, current: NodeReading): DevicesView {
  const seconds = previous ? (current.at - previous.at) / 1000 : NaN;
  const disksBefore = new Map(previous?.disks?.map((disk) => [disk.device, disk]));
  const interfacesBefore = new Map(previous?.interfaces.map((entry) => [entry.device, entry]));
  return {
    at: new Date(current.at).toISOString(),
    fileSystems: current.fileSystems.slice(0, MAX_LISTED).map((entry) => ({
      mountpoint: entry.mountpoint,
      device: entry.device ?? null,
      type: entry.type,
      totalBytes: Math.round(entry.size),
      usedBytes: Math.round(entry.size - entry.free),
      availableBytes: Math.round(entry.avail),
      usedPercent: percent(entry.size - entry.free, entry.size - entry.free + entry.avail),
      inodesUsedPercent:
        entry.files === null || entry.filesFree === null ? null : percent(entry.files - entry.filesFree, entry.files),
      readOnly: entry.readOnly,
    })),
    disks: (current.disks ?? []).slice(0, MAX_LISTED).map((entry) => {
      const before = disksBefore.get(entry.device);
      return {
        device: entry.device,
        readBytesPerSecond: rate(before?.read, entry.read, seconds),
        writtenBytesPerSecond: rate(before?.written, entry.written, seconds),
        busyPercent: busy(before?.busySeconds, entry.busySeconds, seconds),
      };
    }),
    interfaces: current.interfaces.slice(0, MAX_LISTED).map((entry) => {
      const before = interfacesBefore.get(entry.device);
      return {
        device: entry.device,
        receiveBytesPerSecond: rate(before?.receive, entry.receive, seconds),
        transmitBytesPerSecond: rate(before?.transmit, entry.transmit, seconds),
      };
    }),
  };
}

function growth(before: number | null | undefined, now: number | null, seconds: number): number | null {
  if (before == null || now === null || now < before || !(seconds > 0)) return null;
  return (now - before) / seconds;
}

function rate(before: number | null | undefined, now: number | null, seconds: number): number | null {
  const bytes = growth(before, now, seconds);
  return bytes === null ? null : Math.round(bytes);
}

function busy(before: number | null | undefined, now: number | null, seconds: number): number | null {
  const share = growth(before, now, seconds);
  return share === null ? null : percent(share, 1);
}

function percent(part: number, all: number): number | null {
  return all > 0 ? Math.round(Math.min(1, Math.max(0, part / all)) * 10_000) / 100 : null;
}
