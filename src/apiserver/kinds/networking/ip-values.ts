import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { invalidValue, type StatusCause } from '../../../machinery/index.ts';

export type IpFamily = 'IPv4' | 'IPv6';

/** An IP address as a number of its family; a mapped one ('::ffff:10.0.0.1') counts as IPv4. */
interface Address {
  readonly family: IpFamily;
  readonly value: bigint;
}

const bits: Record<IpFamily, number> = { IPv4: 32, IPv6: 128 };

/** Leading zeros are let in, as upstream's old fields always did. */
const sloppyIpv4 = /^\d+\.\d+\.\d+\.\d+$/;

function withoutZeros(text: string): string {
  return sloppyIpv4.test(text) ? text.replace(/(^|\.)0+(?=\d)/g, '$1') : text;
}

/** Reads an address as upstream's lenient parser does; undefined for what is none. */
export function parseAddress(text: string): Address | undefined {
  const plain = withoutZeros(text);
  if (isIPv4(plain)) return { family: 'IPv4', value: ipv4Value(plain) };
  if (!isIPv6(plain) || plain.includes('%')) return undefined;
  const value = ipv6Value(plain);
  return value >> 32n === 0xffffn ? { family: 'IPv4', value: value & 0xffff_ffffn } : { family: 'IPv6', value };
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const low = dotted ? ipv4Value(dotted[2] ?? '') : 0n;
  const hex = dotted ? `${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}` : text;
  const [head = '', tail] = hex.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

/** The canonical text of an address (RFC 5952). */
export function formatAddress({ family, value }: Address): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address;
}

/** The canonical spelling of an address; a text that is none, as it is. */
export function normalAddress(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address) : text;
}

/** A network: its base address, and how many bits of that are fixed. */
export interface Cidr {
  readonly family: IpFamily;
  readonly base: bigint;
  readonly prefix: number;
}

/** Reads a CIDR leniently; undefined for what is none. Bits beyond the prefix are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const [ip = '', length = '', ...rest] = text.split('/');
  const address = parseAddress(ip);
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const mapped = address.family === 'IPv4' && ip.includes(':');
  const prefix = Number(length) - (mapped ? 96 : 0);
  const width = bits[address.family];
  if (prefix < 0 || prefix > width) return undefined;
  const host = BigInt(width - prefix);
  return { family: address.family, base: (address.value >> host) << host, prefix };
}

export function formatCidr({ family, base, prefix }: Cidr): string {
  return `${formatAddress({ family, value: base })}/${prefix}`;
}

/** True if a network holds another's base address. */
export function cidrContains(outer: Cidr, inner: Cidr): boolean {
  const host = BigInt(bits[outer.family] - outer.prefix);
  return outer.family === inner.family && inner.base >> host === outer.base >> host;
}

/** A CIDR in a field that has always taken any spelling. */
export function legacyCidrErrors(text: string, path: string, known: readonly string[] = []): StatusCause[] {
  if (known.includes(text) || parseCidr(text)) return [];
  return [invalidValue(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

/** A CIDR in a field that takes its canonical spelling only. */
export function cidrErrors(text: string, path: string): StatusCause[] {
  const cidr = parseCidr(text);
  if (!cidr) return legacyCidrErrors(text, path);
  const [ip = '', length = ''] = text.split('/');
  const wrong = (detail: string): StatusCause[] => [invalidValue(path, text, detail)];
  if (withoutZeros(ip) !== ip || /^0\d/.test(length)) return wrong('must not have leading 0s in IP or prefix length');
  if (cidr.family === 'IPv4' && ip.includes(':')) return wrong('must not have an IPv4-mapped IPv6 address');
  if (parseAddress(ip)?.value !== cidr.base) return wrong('must not have bits set beyond the prefix length');
  const canonical = formatCidr(cidr);
  return canonical === text ? [] : wrong(`must be in canonical form (${JSON.stringify(canonical)})`);
}

/** What is wrong with an address where only its canonical spelling is taken. */
export function strictAddressErrors(text: string): string[] {
  const address = parseAddress(text);
  if (!address) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  if (withoutZeros(text) !== text) return ['must not have leading 0s'];
  if (address.family === 'IPv4' && text.includes(':')) return ['must not be an IPv4-mapped IPv6 address'];
  const canonical = formatAddress(address);
  return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

/** True if two texts name one network of each family. */
export function isDualStack(families: readonly IpFamily[]): boolean {
  return new Set(families).size === 2;
}
