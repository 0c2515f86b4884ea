import type { Fields, StatusCause } from '../../../machinery/index.ts';
import { isGiven, oneOf } from '../checks.ts';
import { textAt, textsAt } from '../fields.ts';

export const isExternalName = (spec: Fields): boolean => textAt(spec, 'type') === 'ExternalName';
export const isLoadBalancer = (spec: Fields): boolean => textAt(spec, 'type') === 'LoadBalancer';

/** True for the types that have node ports. */
export const usesNodePorts = (spec: Fields): boolean => textAt(spec, 'type') === 'NodePort' || isLoadBalancer(spec);

/** True for a service whose ports are given node ports unless they have some. */
export const getsNodePorts = (spec: Fields): boolean =>
  usesNodePorts(spec) && !(isLoadBalancer(spec) && spec['allocateLoadBalancerNodePorts'] === false);

/** True for a service that can be reached from outside of the cluster. */
export const isExposed = (spec: Fields): boolean =>
  usesNodePorts(spec) || (textAt(spec, 'type') === 'ClusterIP' && isGiven(spec['externalIPs']));

/** True for a service of which load balancers ask each node whether it has endpoints. */
export const needsHealthCheck = (spec: Fields): boolean =>
  isLoadBalancer(spec) && textAt(spec, 'externalTrafficPolicy') === 'Local';

/** True for a service without an address of its own. */
export function isHeadless(spec: Fields): boolean {
  const addresses = textsAt(spec, 'clusterIPs');
  return addresses.length === 1 && addresses[0] === 'None';
}

export function serviceTypeErrors(spec: Fields): StatusCause[] {
  return oneOf(spec, 'type', 'spec', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']);
}
