import { BlockList, isIP, SocketAddress } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { declareIn, namespaceIn } from './cel-declare.ts';

class CelUrl {
  /** '' in a path-only URL for everything but the path and the query. */
  readonly scheme: string;
  readonly url: URL;
  constructor(text: string) {
    const parsed = parseUrl(text);
    if (!parsed) throw new Error(`URL parse error during conversion from string: ${JSON.stringify(text)}`);
    this.scheme = parsed.scheme;
    this.url = parsed.url;
  }
}

class CelIp {
  readonly address: SocketAddress;
  constructor(text: string) {
    if (!isPlainIp(text))
      throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
    this.address = new SocketAddress({ address: text, family: familyOf(text) });
  }
}

class CelCidr {
  readonly ip: CelIp;
  readonly bits: number;
  constructor(text: string) {
    const [address = '', bits = '', ...rest] = text.split('/');
    const isCidr = rest.length === 0 && isPlainIp(address) && /^(0|[1-9]\d{0,2})$/.test(bits);
    if (!isCidr || Number(bits) > (isIP(address) === 4 ? 32 : 128)) {
      throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
    }
    this.ip = new CelIp(address);
    this.bits = Number(bits);
  }
  contains(ip: CelIp): boolean {
    if (ip.address.family !== this.ip.address.family) return false;
    const list = new BlockList();
    list.addSubnet(this.ip.address, this.bits);
    return list.check(ip.address);
  }
}

/** The URL, IP and CIDR libraries that Kubernetes adds to CEL (https://kubernetes.io/docs/reference/using-api/cel/). */
export function addNetwork(environment: Environment): void {
  addUrls(environment);
  addIps(environment);
  addCidrs(environment);
}

function addUrls(environment: Environment): void {
  const add = declareIn(environment);
  environment.registerType('URL', CelUrl);
  add('url(string): URL', (text: string) => new CelUrl(text));
  add('isURL(string): bool', (text: string) => parseUrl(text) !== undefined);
  add('URL.getScheme(): string', ({ scheme }: CelUrl) => scheme);
  const ofHost = (read: (url: URL) => string) => (value: CelUrl) => (value.scheme === '' ? '' : read(value.url));
  add(
    'URL.getHost(): string',
    ofHost((url) => url.host),
  );
  add(
    'URL.getHostname(): string',
    ofHost((url) => url.hostname.replace(/^\[|\]$/g, '')),
  );
  add(
    'URL.getPort(): string',
    ofHost((url) => url.port),
  );
  add('URL.getEscapedPath(): string', ({ url }: CelUrl) => url.pathname);
  add('URL.getQuery(): map', ({ url }: CelUrl) => {
    const names = new Set(url.searchParams.keys());
    return new Map([...names].map((name) => [name, url.searchParams.getAll(name)]));
  });
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

function addIps(environment: Environment): void {
  const add = declareIn(environment);
  environment.registerType('net.IP', CelIp);
  add('ip(string): net.IP', (text: string) => new CelIp(text));
  add('isIP(string): bool', isPlainIp);
  const names = namespaceIn(environment, 'ip');
  add(`${names}.isCanonical(string): bool`, (_: unknown, text: string) => new CelIp(text).address.address === text);
  add('string(net.IP): string', ({ address }: CelIp) => address.address);
  add('net.IP.family(): int', ({ address }: CelIp) => (address.family === 'ipv4' ? 4n : 6n));
  const within = (...networks: string[]) => {
    const lists = networks.map((network) => new CelCidr(network));
    return (ip: CelIp) => lists.some((list) => list.contains(ip));
  };
  const isUnspecified = within('0.0.0.0/32', '::/128');
  const isLoopback = within('127.0.0.0/8', '::1/128');
  const isLinkLocal = within('169.254.0.0/16', 'fe80::/10');
  const isMulticast = within('224.0.0.0/4', 'ff00::/8', '255.255.255.255/32');
  add('net.IP.isUnspecified(): bool', isUnspecified);
  add('net.IP.isLoopback(): bool', isLoopback);
  add('net.IP.isLinkLocalUnicast(): bool', isLinkLocal);
  add('net.IP.isLinkLocalMulticast(): bool', within('224.0.0.0/24', 'ff02::/16'));
  add('net.IP.isGlobalUnicast(): bool', (ip: CelIp) =>
    [isUnspecified, isLoopback, isLinkLocal, isMulticast].every((test) => !test(ip)),
  );
}

function addCidrs(environment: Environment): void {
  const add = declareIn(environment);
  environment.registerType('net.CIDR', CelCidr);
  add('cidr(string): net.CIDR', (text: string) => new CelCidr(text));
  add('isCIDR(string): bool', (text: string) => {
    try {
      return new CelCidr(text).bits >= 0;
    } catch {
      // That it cannot be read is the answer.
      return false;
    }
  });
  add('string(net.CIDR): string', textOfCidr);
  add('net.CIDR.ip(): net.IP', ({ ip }: CelCidr) => ip);
  add('net.CIDR.prefixLength(): int', ({ bits }: CelCidr) => BigInt(bits));
  add('net.CIDR.containsIP(net.IP): bool', (cidr: CelCidr, ip: CelIp) => cidr.contains(ip));
  add('net.CIDR.containsIP(string): bool', (cidr: CelCidr, ip: string) => cidr.contains(new CelIp(ip)));
  const holds = (outer: CelCidr, inner: CelCidr) => outer.bits <= inner.bits && outer.contains(inner.ip);
  add('net.CIDR.containsCIDR(net.CIDR): bool', holds);
  add('net.CIDR.containsCIDR(string): bool', (outer: CelCidr, inner: string) => holds(outer, new CelCidr(inner)));
}

const textOfCidr = ({ ip, bits }: CelCidr): string => `${ip.address.address}/${bits}`;

const familyOf = (text: string): 'ipv4' | 'ipv6' => (isIP(text) === 4 ? 'ipv4' : 'ipv6');

/** An address without a zone and not IPv4 in IPv6, which Kubernetes takes for neither. */
function isPlainIp(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%') && !/^::ffff:/i.test(text);
}
