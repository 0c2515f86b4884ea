import {
  type Fields,
  forbiddenValue,
  invalidValue,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, labelErrors, oneOf } from '../checks.ts';
import { mapAt, numberAt, objectAt, textAt } from '../fields.ts';
import { isExposed, isExternalName, needsHealthCheck } from './types.ts';

const maxAffinitySeconds = 86_400;
const policies = ['Cluster', 'Local'];
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];

/** Which pods a service has, and how clients stay with one of them. */
export function affinityErrors(spec: Fields): StatusCause[] {
  const errors = [
    ...labelErrors(mapAt(spec, 'selector'), 'spec.selector'),
    ...oneOf(spec, 'sessionAffinity', 'spec', ['ClientIP', 'None']),
  ];
  if (spec['sessionAffinity'] !== 'ClientIP') return errors;
  const seconds = numberAt(objectAt(objectAt(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds') ?? 0;
  if (seconds > 0 && seconds <= maxAffinitySeconds) return errors;
  const detail = `must be greater than 0 and less than ${maxAffinitySeconds}`;
  return [...errors, invalidValue('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, detail)];
}

/** Where traffic from outside and inside of the cluster goes. */
export function trafficErrors(spec: Fields): StatusCause[] {
  return [
    ...externalPolicyErrors(spec),
    ...healthCheckErrors(spec),
    ...internalPolicyErrors(spec),
    ...supported(spec, 'trafficDistribution', distributions),
  ];
}

function externalPolicyErrors(spec: Fields): StatusCause[] {
  if (isExposed(spec)) return oneOf(spec, 'externalTrafficPolicy', 'spec', policies);
  const policy = textAt(spec, 'externalTrafficPolicy');
  if (policy === '') return [];
  return [invalidValue('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services')];
}

function healthCheckErrors(spec: Fields): StatusCause[] {
  const port = numberAt(spec, 'healthCheckNodePort') ?? 0;
  const path = 'spec.healthCheckNodePort';
  if (needsHealthCheck(spec)) {
    return port === 0 ? [requiredValue(path)] : invalidAll(path, port, portNumberErrors(port));
  }
  if (port === 0) return [];
  const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  return [invalidValue(path, port, detail)];
}

function internalPolicyErrors(spec: Fields): StatusCause[] {
  if (spec['internalTrafficPolicy'] === undefined) {
    return isExternalName(spec) ? [] : [requiredValue('spec.internalTrafficPolicy')];
  }
  return supported(spec, 'internalTrafficPolicy', policies);
}

/** A field that may be left out, though not be empty. */
function supported(spec: Fields, key: string, values: readonly string[]): StatusCause[] {
  const value = spec[key];
  return value === undefined || values.includes(String(value)) ? [] : [unsupportedValue(`spec.${key}`, value, values)];
}

/** What only load balancers may have. */
export function onlyForLoadBalancers(path: string): StatusCause {
  return forbiddenValue(path, "may only be used when `type` is 'LoadBalancer'");
}
