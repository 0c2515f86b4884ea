import {
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { legacyAddressErrors } from '../addresses.ts';
import { invalidAll, isGiven } from '../checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { legacyCidrErrors, parseAddress } from '../networking/ip-values.ts';
import { addressWarnings } from '../networking/ip-warnings.ts';
import { onlyForLoadBalancers } from './traffic.ts';
import { isLoadBalancer } from './types.ts';

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const rangesPath = 'spec.LoadBalancerSourceRanges';

/** What a service says to load balancers: whom they let in, whether they need node ports, which of them is meant. */
export function loadBalancerErrors(service: KubeObject, spec: Fields): StatusCause[] {
  const errors = sourceRangeErrors(service, spec);
  const nodePorts = spec['allocateLoadBalancerNodePorts'];
  if (nodePorts !== undefined && !isLoadBalancer(spec)) {
    errors.push(onlyForLoadBalancers('spec.allocateLoadBalancerNodePorts'));
  }
  return [...errors, ...loadBalancerClassErrors(spec)];
}

/** The source ranges of a service, or those of the annotation that came before the field. */
function sourceRangeErrors({ metadata }: KubeObject, spec: Fields): StatusCause[] {
  const ranges = textsAt(spec, 'loadBalancerSourceRanges');
  const annotation = metadata.annotations?.[rangesAnnotation];
  if (ranges.length > 0) {
    return [
      ...(isLoadBalancer(spec) ? [] : [onlyForLoadBalancers(rangesPath)]),
      ...ranges.flatMap((range, index) => legacyCidrErrors(range.trim(), `${rangesPath}[${index}]`)),
    ];
  }
  if (annotation === undefined) return [];
  const path = `metadata.annotations[${rangesAnnotation}]`;
  const errors = isLoadBalancer(spec) ? [] : [onlyForLoadBalancers(path)];
  if (annotation.trim() === '') return errors;
  return [...errors, ...annotation.split(',').flatMap((range) => legacyCidrErrors(range.trim(), path))];
}

/** Whom a load balancer is made by; what that is does not change once it is settled. */
export function loadBalancerClassErrors(spec: Fields, old?: Fields): StatusCause[] {
  const path = 'spec.loadBalancerClass';
  const name = spec['loadBalancerClass'];
  if (!isLoadBalancer(spec)) return name === undefined ? [] : [onlyForLoadBalancers(path)];
  const errors = name === undefined ? [] : invalidAll(path, name, qualifiedNameErrors(String(name)));
  if (!old || !isLoadBalancer(old) || name === old['loadBalancerClass']) return errors;
  return [invalidValue(path, name ?? null, 'may not change once set'), ...errors];
}

/** What is wrong with the status that a load balancer gives a service. */
export function loadBalancerStatusErrors({ spec, status }: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const path = 'status.loadBalancer.ingress';
  const points = objectsAt(objectAt(status, 'loadBalancer'), 'ingress');
  if (points.length > 0 && spec && !isLoadBalancer(spec)) {
    return [forbiddenValue(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  const known = objectsAt(objectAt(old?.status, 'loadBalancer'), 'ingress').map((point) => textAt(point, 'ip'));
  return points.flatMap((point, index) => ingressPointErrors(point, `${path}[${index}]`, known));
}

function ingressPointErrors(point: Fields, path: string, known: readonly string[]): StatusCause[] {
  const ip = textAt(point, 'ip');
  const checked = ip === '' || known.includes(ip);
  return [
    ...(checked ? [] : legacyAddressErrors(ip, `${path}.ip`)),
    ...ipModeErrors(point, `${path}.ipMode`),
    ...hostNameErrors(textAt(point, 'hostname'), `${path}.hostname`),
  ];
}

function ipModeErrors(point: Fields, path: string): StatusCause[] {
  const mode = point['ipMode'];
  if (mode === undefined) {
    return isGiven(point['ip']) ? [requiredValue(path, 'must be specified when `ip` is set')] : [];
  }
  if (!isGiven(point['ip'])) return [forbiddenValue(path, 'may not be specified when `ip` is not set')];
  return mode === 'Proxy' || mode === 'VIP' ? [] : [unsupportedValue(path, mode, ['Proxy', 'VIP'])];
}

/** What a client should know about a status that is right. */
export function loadBalancerStatusWarnings({ status }: KubeObject): string[] {
  return objectsAt(objectAt(status, 'loadBalancer'), 'ingress').flatMap((point, index) =>
    addressWarnings(textAt(point, 'ip'), `status.loadBalancer.ingress[${index}]`),
  );
}

/** What is wrong with the name of a point of entry, if it has one. */
export function hostNameErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [];
  const errors = invalidAll(path, name, dnsSubdomainErrors(name));
  return parseAddress(name) ? [...errors, invalidValue(path, name, 'must be a DNS name, not an IP address')] : errors;
}
