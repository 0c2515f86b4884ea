import { lastingContainers } from '../pods.ts';
import type { Pod } from '../types.ts';

const none: readonly string[] = [];

/** The host ports that a pod's containers and sidecars take, as 'PROTOCOL/ADDRESS/PORT'. */
export function hostPortsOf(pod: Pod): readonly string[] {
  let found: string[] | undefined;
  for (const { ports = [] } of lastingContainers(pod)) {
    for (const { hostPort, hostIP, protocol } of ports) {
      if (!hostPort) continue;
      found ??= [];
      found.push(`${protocol ?? 'TCP'}/${hostIP || '0.0.0.0'}/${hostPort}`);
    }
  }
  return found ?? none;
}

/** Whether two host ports cannot both be taken on one node. The address 0.0.0.0 stands for all addresses of the node. */
export function portsOverlap(a: string, b: string): boolean {
  const [protocol, address, port] = a.split('/');
  const [otherProtocol, otherAddress, otherPort] = b.split('/');
  const sameAddress = address === otherAddress || address === '0.0.0.0' || otherAddress === '0.0.0.0';
  return protocol === otherProtocol && port === otherPort && sameAddress;
}
