import { type LookupAddress, type LookupAllOptions, lookup as dnsLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, bits: number];

/** What may be connected to besides public addresses. Parsed from OUTBOUND_ALLOW. */
export interface OutboundAllowance {
  /** Outside production: loopback and private addresses and unix sockets need no listing. */
  local: boolean;
  addresses: Range[];
  hostNames: string[];
  unixPaths: string[];
}

/** The target may not be connected to. The message is safe to show and names what to configure. */
export class OutboundRefused extends Error {
  override readonly name = 'OutboundRefused';
}

/** `dns.lookup`, as far as it is used. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

type Verdict = 'public' | 'local' | 'never';

/** Metadata and host services of the clouds outside the link-local ranges. */
const METADATA = [
  'fd00:ec2::/32', // AWS: metadata, EKS pod identity
  'fd20:ce::254/128', // Google
  'fd00:c1::a9fe:a9fe/128', // Oracle
  'fd00:42::42/128', // Scaleway
  'fd00:a9fe:a9fe::1/128', // Linode
  'fd00:100::100:200/128', // Alibaba
  '100.100.100.200/32', // Alibaba
  '168.63.129.16/32', // Azure's wire server
  '192.0.0.192/32', // Oracle
].map((range) => ipaddr.parseCIDR(range));
/** What of IPv6 is given out for use in the internet. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');
/** Parsers disagree about these: they would strip, trim or turn them into slashes. */
const AMBIGUOUS = /[\s\p{Cc}\p{Cf}\\]/u;
const LOCAL_RANGES = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** Decides which addresses this process may connect to. Every connection to a registered system goes through `lookup` or `checkHost`. */
export class OutboundGuard {
  /** `resolve` finds the addresses of names; tests put answers of their own there. */
  constructor(
    private readonly allowance: OutboundAllowance,
    private readonly resolve: Resolve = dnsLookup,
  ) {}

  /**
   * Checks a URL before anything is resolved: scheme, and the address when the host is one.
   * Throws OutboundRefused; the answer for names comes at connect, from `lookup`.
   */
  checkUrl(text: string, schemes: readonly string[]): URL {
    if (AMBIGUOUS.test(text)) throw new OutboundRefused('must not contain spaces, control characters or backslashes');
    if (!URL.canParse(text)) throw new OutboundRefused('is not a URL');
    const url = new URL(text);
    if (!schemes.includes(url.protocol))
      throw new OutboundRefused(`must start with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`);
    if (url.username || url.password) throw new OutboundRefused('must not contain a user name or password');
    if (!url.hostname) throw new OutboundRefused('has no host');
    this.checkHost(url.hostname);
    return url;
  }

  /** Checks a host that is an address in any notation; names pass, they are checked when resolved. */
  checkHost(host: string): void {
    const bare = host.replace(/^\[|\]$/g, '');
    if (ipaddr.isValid(bare)) this.checkAddress(bare, bare);
  }

  /** Checks a path of a unix socket. */
  checkUnixPath(path: string): void {
    if (this.allowance.local || this.allowance.unixPaths.includes(path)) return;
    throw new OutboundRefused(`unix://${path} may not be connected to; add it to OUTBOUND_ALLOW to permit it`);
  }

  /** For `net.connect` and http agents: resolves once, checks every address, and hands over only what was checked. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      try {
        for (const { address } of found) this.checkAddress(address, hostname);
      } catch (refused) {
        return callback(refused as Error, '', 0);
      }
      const first = found[0];
      if (!first) return callback(new Error('the name has no address'), '', 0);
      if (options.all) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };

  private checkAddress(address: string, hostname: string): void {
    const verdict = this.judge(ipaddr.parse(address));
    if (verdict === 'public') return;
    if (verdict === 'never')
      throw new OutboundRefused(`${hostname} is a link-local, metadata or reserved address and is never connected to`);
    if (this.allowance.local || this.listed(address, hostname)) return;
    throw new OutboundRefused(`${hostname} is a local or private address; add it to OUTBOUND_ALLOW to permit it`);
  }

  private listed(address: string, hostname: string): boolean {
    if (isIP(hostname) === 0 && this.allowance.hostNames.includes(hostname.toLowerCase())) return true;
    const parsed = ipaddr.process(address);
    return this.allowance.addresses.some((range) => isWithin(parsed, range));
  }

  private judge(address: Address): Verdict {
    if (METADATA.some((range) => isWithin(address, range))) return 'never';
    const range = address.range();
    if (address instanceof ipaddr.IPv6) {
      const inner = embeddedIPv4(address);
      // an address that only wraps an IPv4 one is as good as that one
      if (inner) return this.judge(inner);
      if (range === 'unicast' && !isWithin(address, GLOBAL_IPV6)) return 'never';
    }
    if (range === 'unicast') return 'public';
    return LOCAL_RANGES.has(range) ? 'local' : 'never';
  }
}

function isWithin(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match(range);
}

/** The IPv4 address inside a mapped, compatible, translated (NAT64) or 6to4 IPv6 address. */
function embeddedIPv4(address: ipaddr.IPv6): ipaddr.IPv4 | null {
  const bytes = address.toByteArray();
  const zero = (from: number, to: number): boolean => bytes.slice(from, to).every((byte) => byte === 0);
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (zero(0, 12) && !zero(12, 15)) return new ipaddr.IPv4(bytes.slice(12));
  if (zero(0, 8) && bytes[8] === 0xff && bytes[9] === 0xff && zero(10, 12)) return new ipaddr.IPv4(bytes.slice(12));
  // the well-known prefix only: below 64:ff9b:1::/48 each network puts the address somewhere else
  if (bytes[0] === 0 && bytes[1] === 0x64 && bytes[2] === 0xff && bytes[3] === 0x9b && zero(4, 12))
    return new ipaddr.IPv4(bytes.slice(12));
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return new ipaddr.IPv4(bytes.slice(2, 6));
  return null;
}

/** Parses the entries of OUTBOUND_ALLOW: addresses, CIDRs, host names and `unix:///path`. Throws Error naming the wrong entry. */
export function parseAllowance(text: string, local: boolean): OutboundAllowance {
  const allowance: OutboundAllowance = { local, addresses: [], hostNames: [], unixPaths: [] };
  for (const entry of text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)) {
    if (entry.startsWith('unix:///')) allowance.unixPaths.push(entry.slice('unix://'.length));
    else if (ipaddr.isValidCIDR(entry)) allowance.addresses.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.isValid(entry))
      allowance.addresses.push([ipaddr.process(entry), ipaddr.process(entry).kind() === 'ipv4' ? 32 : 128]);
    else if (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(entry)) allowance.hostNames.push(entry.toLowerCase());
    else throw new Error(`“${entry}” is no address, CIDR, host name or unix:///path`);
  }
  return allowance;
}
