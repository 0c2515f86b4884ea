import {
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, isGiven } from '../checks.ts';
import { textsAt } from '../fields.ts';
import { entryAddressErrors, entryNameErrors, entryPoints } from '../networking/entry-points.ts';
import { legacyCidrErrors } from '../networking/ip-values.ts';
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
export function loadBalancerStatusErrors(service: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const path = 'status.loadBalancer.ingress';
  const points = entryPoints(service);
  if (points.length > 0 && service.spec && !isLoadBalancer(service.spec)) {
    return [forbiddenValue(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  }
  return points.flatMap((point, index) => {
    const at = `${path}[${index}]`;
    return [
      ...entryAddressErrors(point, at, old),
      ...ipModeErrors(point, `${at}.ipMode`),
      ...entryNameErrors(point, at),
    ];
  });
}

function ipModeErrors(point: Fields, path: string): StatusCause[] {
  const mode = point['ipMode'];
  if (mode === undefined) {
    return isGiven(point['ip']) ? [requiredValue(path, 'must be specified when `ip` is set')] : [];
  }
  if (!isGiven(point['ip'])) return [forbiddenValue(path, 'may not be specified when `ip` is not set')];
  return mode === 'Proxy' || mode === 'VIP' ? [] : [unsupportedValue(path, mode, ['Proxy', 'VIP'])];
}
