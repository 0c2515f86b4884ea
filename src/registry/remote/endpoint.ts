import { type LookupAddress, lookup as lookupName } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** Which registries are spoken to without TLS besides those on this machine: 'registry.lan:5000'. */
export type Insecure = ReadonlySet<string>;

/** Where the API of docker.io really answers. */
const aliases: Partial<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** The base address of a registry: TLS, unless it is on this machine or listed as insecure. */
export function endpointOf(domain: string, insecure: Insecure): URL {
  const plain = isLocalName(hostOf(domain)) || insecure.has(domain);
  return new URL(`${plain ? 'http' : 'https'}://${aliases[domain] ?? domain}`);
}

const hostOf = (domain: string) => domain.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** What only this machine or its cloud's metadata service answers on: a registry elsewhere must not send us there. */
const local = new BlockList();
for (const [net, bits] of [
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['0.0.0.0', 8],
] as const)
  local.addSubnet(net, bits);
for (const [net, bits] of [
  ['::1', 128],
  ['::', 128],
  ['fe80::', 10],
] as const)
  local.addSubnet(net, bits, 'ipv6');

/** Whether a host name stands for this machine (RFC 6761: localhost and all below it). */
export function isLocalName(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  return isIP(bare) !== 0 && loopback.check(bare, isIP(bare) === 6 ? 'ipv6' : 'ipv4');
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/**
 * How names are resolved for a request: `localhost` and names below it are this machine, whatever the resolver knows.
 * @param mayBeLocal without it, a name or address that leads to this machine or to a metadata service is refused, so
 * that a registry cannot make us ask there
 */
export function resolver(mayBeLocal: boolean) {
  return (host: string, options: { all?: boolean }, done: LookupDone): void => {
    const answer = (addresses: LookupAddress[]) => {
      const allowed = mayBeLocal ? addresses : addresses.filter(({ address }) => !isLocalAddress(address));
      const [first] = allowed;
      if (!first) done(refusal(host), []);
      else if (options.all) done(null, allowed);
      else done(null, first.address, first.family);
    };
    if (isLocalName(host)) answer([{ address: '127.0.0.1', family: 4 }]);
    else lookupName(host, { all: true }, (error, addresses) => (error ? done(error, []) : answer(addresses)));
  };
}

/** @throws Error for an address written out that leads to this machine: there is no name to resolve then. */
export function checkLiteral(host: string, mayBeLocal: boolean): void {
  const bare = host.replace(/^\[|\]$/g, '');
  if (!mayBeLocal && (isLocalName(bare) || isLocalAddress(bare))) throw refusal(host);
}

function isLocalAddress(address: string): boolean {
  const family = isIP(address);
  // An IPv4 address in IPv6's clothes is checked as what it is, too.
  return family !== 0 && local.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

const refusal = (host: string) =>
  new Error(`the registry points to ${host}, which is this machine or a service of its cloud: that is not followed`);
