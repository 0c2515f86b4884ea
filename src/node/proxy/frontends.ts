import { isIPv4 } from 'node:net';
import type { KubeObject } from '../../machinery/index.ts';
import { portsOf, type ServicePort } from './backends.ts';

/** An address and port of this machine where a port of a Service answers. */
export interface Frontend {
  /** Of the range of ClusterIPs, of a NodePort, or of a load balancer. */
  kind: 'cluster' | 'node' | 'balancer';
  ip: string;
  number: number;
  protocol: 'TCP' | 'UDP';
  port: ServicePort;
}

/** Addresses of this machine. */
export interface NodeAddresses {
  /** Where pods reach it: the Node's InternalIP. */
  internal: string;
  /** Where others do: what Homeport was told to bind to. */
  external: string;
}

/** The frontends a Service should have, by a key that says where they are and for which port. */
export function frontendsOf(service: KubeObject, addresses: NodeAddresses): Map<string, Frontend> {
  const wanted = new Map<string, Frontend>();
  if (service.spec?.['type'] === 'ExternalName') return wanted;
  const clusterIp = service.spec?.['clusterIP'];
  for (const port of portsOf(service)) {
    const protocol = port.protocol ?? 'TCP';
    if (protocol !== 'TCP' && protocol !== 'UDP') continue;
    const add = (kind: Frontend['kind'], ip: string, number: number) => {
      wanted.set(`${protocol} ${ip}:${number} ${port.name ?? ''}`, { kind, ip, number, protocol, port });
    };
    if (typeof clusterIp === 'string' && isIPv4(clusterIp)) add('cluster', clusterIp, port.port);
    if (port.nodePort) for (const ip of distinctAddresses(addresses)) add('node', ip, port.nodePort);
    if (isOurBalancer(service)) add('balancer', addresses.external, port.port);
  }
  return wanted;
}

/** Where a port of the node is listened on: 0.0.0.0 takes every address, the internal one included. */
export function distinctAddresses({ internal, external }: NodeAddresses): string[] {
  return external === '0.0.0.0' || external === '::' || external === internal ? [external] : [internal, external];
}

/** Whether a Service wants a load balancer, and none of somebody else's. */
export function isOurBalancer({ spec }: KubeObject): boolean {
  return spec?.['type'] === 'LoadBalancer' && spec['loadBalancerClass'] === undefined;
}

/** What of a Service is not done here, as a reason and a sentence for an Event. */
export function refusalsOf(service: KubeObject): { reason: string; message: string }[] {
  const refusals: { reason: string; message: string }[] = [];
  const sctp = portsOf(service).filter((port) => port.protocol === 'SCTP');
  if (sctp.length > 0) {
    const message = `ports of the protocol SCTP are not answered by this node: ${sctp.map(({ port }) => port).join(', ')}`;
    refusals.push({ reason: 'ProtocolNotSupported', message });
  }
  const external = (service.spec?.['externalIPs'] ?? []) as string[];
  if (external.length > 0) {
    const message = `externalIPs are not answered by this node, because whoever may write a Service could take over any address with them: ${external.join(', ')}`;
    refusals.push({ reason: 'ExternalIPsNotSupported', message });
  }
  return refusals;
}
