import { BlockList, isIP, SocketAddress } from 'node:net';
import { CelFault } from './fault.ts';
import type { CelFunctions } from './signature.ts';
import { CelMap } from './value.ts';

class CelUrl {
  static readonly celType = 'kubernetes.URL';
  /** '' in a path-only URL for everything but the path and the query. */
  readonly scheme: string;
  readonly url: URL;
  constructor(text: string) {
    const parsed = parseUrl(text);
    if (!parsed) throw new CelFault(`URL parse error during conversion from string: ${JSON.stringify(text)}`);
    this.scheme = parsed.scheme;
    this.url = parsed.url;
  }
  equals({ scheme, url }: CelUrl): boolean {
    return scheme === this.scheme && url.href === this.url.href;
  }
}

class CelIp {
  static readonly celType = 'net.IP';
  readonly address: SocketAddress;
  constructor(text: string) {
    if (!isPlainIp(text))
      throw new CelFault(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
    this.address = new SocketAddress({ address: text, family: familyOf(text) });
  }
  equals({ address }: CelIp): boolean {
    return address.address === this.address.address;
  }
}

class CelCidr {
  static readonly celType = 'net.CIDR';
  readonly ip: CelIp;
  readonly bits: number;
  constructor(text: string) {
    const [address = '', bits = '', ...rest] = text.split('/');
    const isCidr = rest.length === 0 && isPlainIp(address) && /^(0|[1-9]\d{0,2})$/.test(bits);
    if (!isCidr || Number(bits) > (isIP(address) === 4 ? 32 : 128)) {
      throw new CelFault(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
    }
    this.ip = new CelIp(address);
    this.bits = Number(bits);
  }
  equals({ ip, bits }: CelCidr): boolean {
    return bits === this.bits && this.ip.equals(ip);
  }
  contains(ip: CelIp): boolean {
    if (ip.address.family !== this.ip.address.family) return false;
    const list = new BlockList();
    list.addSubnet(this.ip.address, this.bits);
    return list.check(ip.address);
  }
}

/** What a URL says of its host; '' for one that is only a path. */
const ofHost =
  (read: (url: URL) => string) =>
  (value: CelUrl): string =>
    value.scheme === '' ? '' : read(value.url);

/** Kubernetes' URL library (https://kubernetes.io/docs/reference/using-api/cel/). */
export const urls: CelFunctions = {
  'url(string): kubernetes.URL': (text: string) => new CelUrl(text),
  'isURL(string): bool': isUrl,
  '(kubernetes.URL).getScheme(): string': ({ scheme }: CelUrl) => scheme,
  '(kubernetes.URL).getHost(): string': ofHost((url) => url.host),
  '(kubernetes.URL).getHostname(): string': ofHost((url) => url.hostname.replace(/^\[|\]$/g, '')),
  '(kubernetes.URL).getPort(): string': ofHost((url) => url.port),
  '(kubernetes.URL).getEscapedPath(): string': ({ url }: CelUrl) => url.pathname,
  '(kubernetes.URL).getQuery(): map<string, list<string>>': ({ url }: CelUrl) => {
    const names = new Set(url.searchParams.keys());
    return new CelMap(new Map([...names].map((name) => [name, url.searchParams.getAll(name)])));
  },
};

export function isUrl(text: string): boolean {
  return parseUrl(text) !== undefined;
}

/**
 * Parses an absolute URI or an absolute path, as Go's url.ParseRequestURI. Under a scheme that URL does not know it leaves
 * the port and the path as they are written.
 */
function parseUrl(text: string): { scheme: string; url: URL } | undefined {
  const [, scheme = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text) ?? [];
  if (scheme === '' && !text.startsWith('/')) return undefined;
  const url = URL.parse(scheme === '' ? `none://none${text}` : `none${text.slice(scheme.length)}`);
  return url ? { scheme: scheme.toLowerCase(), url } : undefined;
}

const within = (...networks: string[]) => {
  const lists = networks.map((network) => new CelCidr(network));
  return (ip: CelIp): boolean => lists.some((list) => list.contains(ip));
};
const isUnspecified = within('0.0.0.0/32', '::/128');
const isLoopback = within('127.0.0.0/8', '::1/128');
const isLinkLocal = within('169.254.0.0/16', 'fe80::/10');
const isMulticast = within('224.0.0.0/4', 'ff00::/8', '255.255.255.255/32');

function isCidr(text: string): boolean {
  try {
    return new CelCidr(text).bits >= 0;
  } catch (error) {
    if (error instanceof CelFault) return false;
    throw error;
  }
}

const holds = (outer: CelCidr, inner: CelCidr): boolean => outer.bits <= inner.bits && outer.contains(inner.ip);

/** Kubernetes' libraries of IP addresses and of networks. */
export const addresses: CelFunctions = {
  'ip(string): net.IP': (text: string) => new CelIp(text),
  'isIP(string): bool': isPlainIp,
  'ip.isCanonical(string): bool': (text: string) => new CelIp(text).address.address === text,
  'string(net.IP): string': ({ address }: CelIp) => address.address,
  '(net.IP).family(): int': ({ address }: CelIp) => (address.family === 'ipv4' ? 4n : 6n),
  '(net.IP).isUnspecified(): bool': isUnspecified,
  '(net.IP).isLoopback(): bool': isLoopback,
  '(net.IP).isLinkLocalUnicast(): bool': isLinkLocal,
  '(net.IP).isLinkLocalMulticast(): bool': within('224.0.0.0/24', 'ff02::/16'),
  '(net.IP).isGlobalUnicast(): bool': (ip: CelIp) =>
    [isUnspecified, isLoopback, isLinkLocal, isMulticast].every((test) => !test(ip)),
  'cidr(string): net.CIDR': (text: string) => new CelCidr(text),
  'isCIDR(string): bool': isCidr,
  'string(net.CIDR): string': textOfCidr,
  '(net.CIDR).ip(): net.IP': ({ ip }: CelCidr) => ip,
  '(net.CIDR).prefixLength(): int': ({ bits }: CelCidr) => BigInt(bits),
  '(net.CIDR).masked(): net.CIDR': masked,
  '(net.CIDR).containsIP(net.IP): bool': (cidr: CelCidr, ip: CelIp) => cidr.contains(ip),
  '(net.CIDR).containsIP(string): bool': (cidr: CelCidr, ip: string) => cidr.contains(new CelIp(ip)),
  '(net.CIDR).containsCIDR(net.CIDR): bool': holds,
  '(net.CIDR).containsCIDR(string): bool': (outer: CelCidr, inner: string) => holds(outer, new CelCidr(inner)),
};

function textOfCidr({ ip, bits }: CelCidr): string {
  return `${ip.address.address}/${bits}`;
}

/** The network itself: its address with the bits behind the prefix cleared. */
function masked({ ip, bits }: CelCidr): CelCidr {
  const { address, family } = ip.address;
  const [size, radix, step] = family === 'ipv4' ? [32, 10, 8] : [128, 16, 16];
  const groups = family === 'ipv4' ? address.split('.') : expanded(address);
  const value = groups.reduce((total, group) => (total << BigInt(step)) | BigInt(Number.parseInt(group, radix)), 0n);
  const kept = (value >> BigInt(size - bits)) << BigInt(size - bits);
  const shown = Array.from({ length: size / step }, (_, at) =>
    ((kept >> BigInt(size - step * (at + 1))) & ((1n << BigInt(step)) - 1n)).toString(radix),
  );
  return new CelCidr(`${shown.join(family === 'ipv4' ? '.' : ':')}/${bits}`);
}

/** The eight groups of an IPv6 address. */
function expanded(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
}

function familyOf(text: string): 'ipv4' | 'ipv6' {
  return isIP(text) === 4 ? 'ipv4' : 'ipv6';
}

/** An address without a zone and not IPv4 in IPv6, which Kubernetes takes for neither. */
function isPlainIp(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%') && !/^::ffff:/i.test(text);
}
