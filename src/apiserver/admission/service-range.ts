import { isIPv4 } from 'node:net';

/** A range of IPv4 addresses from which Services get theirs. */
export interface ServiceRange {
  readonly cidr: string;
  /** The first usable address: that of the service `kubernetes`. */
  readonly first: string;
  /** How many addresses can be given away, `first` included. */
  readonly size: number;
  /** The offset below which addresses are only given away when there are no others: those are for who chooses one. */
  readonly chosen: number;
  /** The address at an offset from `first`. */
  address(offset: number): string;
  contains(ip: string): boolean;
}

const toNumber = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** Parses an IPv4 CIDR. Throws an Error unless it holds at least eight addresses and at most 2^20. */
export function parseServiceRange(cidr: string): ServiceRange {
  const [ip = '', bits = ''] = cidr.split('/');
  const prefix = Number(bits);
  if (!isIPv4(ip) || !/^\d{1,2}$/.test(bits) || prefix < 12 || prefix > 29) {
    throw new Error(
      `reading the service cluster IP range ${JSON.stringify(cidr)}: expected an IPv4 CIDR between /12 and /29, like 10.96.0.0/16`,
    );
  }
  const total = 2 ** (32 - prefix);
  const base = Math.floor(toNumber(ip) / total) * total;
  // The network's own address and the broadcast address are nobody's.
  const size = total - 2;
  return {
    cidr,
    first: toAddress(base + 1),
    size,
    chosen: total <= 16 ? 1 : Math.min(Math.max(16, total / 16), 256),
    address: (offset) => toAddress(base + 1 + offset),
    contains: (other) => isIPv4(other) && toNumber(other) > base && toNumber(other) < base + total - 1,
  };
}
