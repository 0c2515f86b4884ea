import { isIPv6 } from 'node:net';
import { equalJson, type Fields, invalidValue, requiredValue, type StatusCause } from '../../machinery/index.ts';
import { addressErrors } from './addresses.ts';
import { isGiven } from './checks.ts';
import { numberAt, objectsAt, textAt, textsAt } from './fields.ts';

/** True for a service without an address of its own. */
export function isHeadless(spec: Fields): boolean {
  return textAt(spec, 'clusterIP') === 'None' || textsAt(spec, 'clusterIPs')[0] === 'None';
}

/** Makes clusterIPs follow a clusterIP that came alone, in place: older clients know only the one. */
export function syncClusterIps(spec: Fields): void {
  const address = textAt(spec, 'clusterIP');
  if (address !== '' && textsAt(spec, 'clusterIPs').length === 0) spec['clusterIPs'] = [address];
}

const isExternal = (spec: Fields): boolean => spec['type'] === 'ExternalName';

/** What the server allocated stays with a service whose new version leaves it out, in place. */
export function keepAllocated(spec: Fields, old: Fields): void {
  dropOutgrown(spec, old);
  if (isExternal(spec)) {
    if (!isExternal(old)) dropAllocated(spec, old);
    return;
  }
  const [address, before] = [textAt(spec, 'clusterIP'), textAt(old, 'clusterIP')];
  const addresses = textsAt(spec, 'clusterIPs');
  if (!isExternal(old) && address === '' && addresses.length === 0 && before !== '') {
    spec['clusterIP'] = before;
    spec['clusterIPs'] = old['clusterIPs'] ?? [before];
  } else if (address !== '' && address !== before && addresses[0] === before) {
    spec['clusterIPs'] = [address, ...addresses.slice(1)];
  } else if (address === '' && addresses[0] !== undefined) {
    spec['clusterIP'] = addresses[0];
  }
  for (const key of ['ipFamilies', 'ipFamilyPolicy']) {
    if (!isGiven(spec[key]) && isGiven(old[key])) spec[key] = old[key];
  }
  keepNodePorts(spec, old);
}

const isExposed = (spec: Fields): boolean =>
  spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer' || isGiven(spec['externalIPs']);

/** What only the old type may have goes with it, unless the client set it anew. */
function dropOutgrown(spec: Fields, old: Fields): void {
  const drop = (key: string): void => {
    if (equalJson(spec[key], old[key])) delete spec[key];
  };
  if (isExposed(old) && !isExposed(spec)) drop('externalTrafficPolicy');
  if (old['type'] === 'LoadBalancer' && spec['type'] !== 'LoadBalancer') {
    for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass', 'healthCheckNodePort']) drop(key);
  }
}

/** A service that becomes an ExternalName gives back what it did not ask for. */
function dropAllocated(spec: Fields, old: Fields): void {
  for (const [key, other] of [
    ['clusterIP', 'clusterIPs'],
    ['ipFamilies', 'ipFamilyPolicy'],
  ] as const) {
    if (equalJson(spec[key], old[key])) {
      delete spec[key];
      delete spec[other];
    }
  }
}

function keepNodePorts(spec: Fields, old: Fields): void {
  if (spec['type'] !== 'NodePort' && spec['type'] !== 'LoadBalancer') {
    // The node ports of a service that needs them no more are released, unless the client asks for others.
    for (const port of objectsAt(spec, 'ports')) {
      if (objectsAt(old, 'ports').some((before) => before['nodePort'] === port['nodePort'])) delete port['nodePort'];
    }
    return;
  }
  const identity = (port: Fields): string => `${textAt(port, 'protocol')}/${numberAt(port, 'port')}`;
  const before = new Map(objectsAt(old, 'ports').map((port) => [identity(port), numberAt(port, 'nodePort')]));
  const taken = new Set(objectsAt(spec, 'ports').map((port) => numberAt(port, 'nodePort')));
  for (const port of objectsAt(spec, 'ports')) {
    const nodePort = before.get(identity(port));
    if (!port['nodePort'] && nodePort !== undefined && !taken.has(nodePort)) port['nodePort'] = nodePort;
  }
}

/** What is wrong with a service's addresses. */
export function clusterIpErrors(spec: Fields): StatusCause[] {
  const [address, addresses] = [textAt(spec, 'clusterIP'), textsAt(spec, 'clusterIPs')];
  const errors: StatusCause[] = [];
  if (address !== '' && addresses.length === 0) errors.push(requiredValue('spec.clusterIPs'));
  else if (address !== '' && addresses[0] !== address) {
    errors.push(invalidValue('spec.clusterIPs', addresses, 'first value must match `clusterIP`'));
  } else if (address === '' && addresses.length > 0) {
    errors.push(invalidValue('spec.clusterIPs', addresses, 'must be empty when `clusterIP` is not specified'));
  }
  const wrong = addresses.flatMap((item, index) =>
    index === 0 && item === 'None' ? [] : addressErrors(item, `spec.clusterIPs[${index}]`),
  );
  if (addresses[0] === 'None' && addresses.length > 1) {
    wrong.push(invalidValue('spec.clusterIPs', addresses, "'None' must be the first and only value"));
  }
  errors.push(...wrong);
  if (addresses.length > 2) errors.push(invalidValue('spec.clusterIPs', addresses, 'may only hold up to 2 values'));
  const families = new Set(addresses.map((item) => isIPv6(item)));
  if (wrong.length === 0 && addresses.length > 1 && families.size === 1) {
    const detail = 'may specify no more than one IP for each IP family';
    errors.push(invalidValue('spec.clusterIPs', addresses, detail));
  }
  return errors;
}

/** What an update may not do to the addresses that a service has. */
export function clusterIpChangeErrors(spec: Fields, old: Fields): StatusCause[] {
  if (isExternal(spec) || isExternal(old) || (isHeadless(spec) && isHeadless(old))) return [];
  const [addresses, before] = [textsAt(spec, 'clusterIPs'), textsAt(old, 'clusterIPs')];
  const [primary] = before;
  if (primary === undefined) return [];
  if (addresses.length === 0) {
    return [invalidValue('spec.clusterIPs[0]', addresses, 'primary clusterIP can not be unset')];
  }
  return addresses[0] === primary ? [] : [invalidValue('spec.clusterIPs[0]', addresses, 'may not change once set')];
}
