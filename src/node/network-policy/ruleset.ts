import type { PolicyChains } from '../linux/firewall.ts';
import type { Allowance, PolicyModel, PortRange, Side } from './model.ts';

/** The rules of nftables that enforce policies, as lines of nft(8): what is allowed returns, the rest is refused. */
export function chainsOf(model: PolicyModel): PolicyChains {
  return { egress: chainOf(model.egress, 'saddr', 'daddr'), ingress: chainOf(model.ingress, 'daddr', 'saddr') };
}

/** A reset, because the kernel sends only a few of the others a second. */
const refusal = ['meta l4proto tcp reject with tcp reset', 'reject with icmp type admin-prohibited'];

type Field = 'saddr' | 'daddr';

function chainOf({ isolated, allowed }: Side, own: Field, other: Field): string[] {
  if (isolated.size === 0) return [];
  return [
    `ip ${own} != ${setOf([...isolated])} return`,
    ...allowed.flatMap((allowance) => rulesOf(allowance, own, other)),
    ...refusal,
  ];
}

function rulesOf({ pods, peers, ports }: Allowance, own: Field, other: Field): string[] {
  const between = [`ip ${own} ${setOf(pods)}`, ...peerMatches(peers, other)].join(' ');
  if (!ports) return [`${between} return`];
  return portMatches(ports).map((match) => `${between} ${match} return`);
}

function peerMatches(peers: Allowance['peers'], other: Field): string[] {
  if (peers === undefined) return [];
  if (!('cidr' in peers)) return [`ip ${other} ${setOf(peers)}`];
  const { cidr, except } = peers;
  return [`ip ${other} ${cidr}`, ...except.map((range) => `ip ${other} != ${range}`)];
}

/** One match a protocol. */
function portMatches(ports: readonly PortRange[]): string[] {
  const ofProtocol = Map.groupBy(ports, ({ protocol }) => protocol.toLowerCase());
  return [...ofProtocol].map(([protocol, ranges]) => {
    if (ranges.some(({ first }) => first === undefined)) return `ip protocol ${protocol}`;
    return `${protocol} dport ${setOf(merged(ranges))}`;
  });
}

/** Ranges in order, those that meet made one: a set takes no overlaps. */
function merged(ranges: readonly PortRange[]): string[] {
  const all: [number, number][] = [];
  for (const { first = 0, last = 0 } of ranges.toSorted((a, b) => (a.first ?? 0) - (b.first ?? 0))) {
    const before = all.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else all.push([first, last]);
  }
  return all.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
}

const setOf = (elements: readonly string[]) => `{ ${elements.join(', ')} }`;
