import { BlockList, isIPv4 } from 'node:net';
import type { Allowance, PolicyModel, Protocol, Side } from './model.ts';

/** A connection that somebody wants to make. */
export interface Connection {
  from: string;
  to: string;
  protocol: Protocol;
  port: number;
}

/** Whether policies let a connection be made: the one who begins it may speak, and the other may be spoken to. */
export function allows(model: PolicyModel, connection: Connection): boolean {
  const { from, to } = connection;
  return allowsSide(model.egress, from, to, connection) && allowsSide(model.ingress, to, from, connection);
}

function allowsSide({ isolated, allowed }: Side, own: string, other: string, connection: Connection): boolean {
  if (!isolated.has(own)) return true;
  return allowed.some((each) => each.pods.includes(own) && isPeer(each.peers, other) && isPort(each.ports, connection));
}

function isPeer(peers: Allowance['peers'], address: string): boolean {
  if (peers === undefined) return true;
  if (!('cidr' in peers)) return peers.includes(address);
  return isWithin(peers.cidr, address) && !peers.except.some((range) => isWithin(range, address));
}

/** Whether an IPv4 address is in a range ('10.0.0.0/8'). IPv6 addresses are nobody's here, and in no range. */
export function isWithin(range: string, address: string): boolean {
  const [network = '', prefix = '32'] = range.trim().split('/');
  if (!isIPv4(network)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), 'ipv4');
  return list.check(address, 'ipv4');
}

function isPort(ports: Allowance['ports'], { protocol, port }: Connection): boolean {
  if (!ports) return true;
  return ports.some(
    (range) =>
      range.protocol === protocol &&
      (range.first === undefined || (port >= range.first && port <= (range.last ?? range.first))),
  );
}
