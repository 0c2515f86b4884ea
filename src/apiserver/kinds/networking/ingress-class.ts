import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  type Fields,
  forbiddenValue,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll } from '../checks.ts';
import { domainPrefixedPathErrors } from '../domain-path.ts';
import { objectAt, setDefault, textAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { pathSegmentErrors } from '../path-segment.ts';

const maxController = 250;
const scopes = ['Cluster', 'Namespace'];

export const ingressClassStrategy: KindStrategy = {
  applyDefaults({ spec }) {
    const parameters = objectAt(spec, 'parameters');
    if (parameters) setDefault(parameters, 'scope', 'Cluster');
  },
  validate({ spec }, old) {
    const controller = textAt(spec, 'controller');
    return [
      ...(old ? immutableFieldErrors(spec, old.spec, 'controller', 'spec.controller') : []),
      ...(controller.length > maxController ? [tooLong('spec.controller', maxController)] : []),
      ...domainPrefixedPathErrors(controller, 'spec.controller'),
      ...parameterErrors(objectAt(spec, 'parameters'), 'spec.parameters'),
    ];
  },
};

/** A reference to an object of any kind, as ingresses and their classes have it. */
export function typedReferenceErrors(reference: Fields, at: string): StatusCause[] {
  const group = reference['apiGroup'];
  const errors = typeof group === 'string' ? invalidAll(`${at}.apiGroup`, group, dnsSubdomainErrors(group)) : [];
  for (const key of ['kind', 'name']) {
    const value = textAt(reference, key);
    if (value === '') errors.push(requiredValue(`${at}.${key}`));
    else errors.push(...invalidAll(`${at}.${key}`, value, pathSegmentErrors(value)));
  }
  return errors;
}

function parameterErrors(parameters: Fields | undefined, at: string): StatusCause[] {
  if (!parameters) return [];
  const errors = typedReferenceErrors(parameters, at);
  const [scope, namespace] = [textAt(parameters, 'scope'), parameters['namespace']];
  if (!scopes.includes(scope)) return [...errors, unsupportedValue(`${at}.scope`, scope, scopes)];
  if (scope === 'Cluster' && namespace !== undefined) {
    return [...errors, forbiddenValue(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'")];
  }
  if (scope === 'Namespace' && typeof namespace !== 'string') {
    return [...errors, requiredValue(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'")];
  }
  if (typeof namespace !== 'string') return errors;
  return [...errors, ...invalidAll(`${at}.namespace`, namespace, dnsLabelErrors(namespace))];
}
