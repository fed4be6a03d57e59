import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

/** Reading an address takes longer than looking it up, and callers come again. */
const known = new LRUCache<string, string>({ max: 5_000 });

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 one, all of which a single caller can use. */
export function addressKey(address: string): string {
  let key = known.get(address);
  if (key === undefined) known.set(address, (key = readKey(address)));
  return key;
}

function readKey(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const network = (parsed as ipaddr.IPv6).parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
