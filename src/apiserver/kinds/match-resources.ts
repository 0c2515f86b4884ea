import {
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { defaultMatch, defaultScopes, optionalOneOf, ruleErrors } from './admission-rules.ts';
import { invalidAll, selectorErrors } from './checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { pathSegmentErrors } from './path-segment.ts';

const MATCH_POLICIES = ['Equivalent', 'Exact'];
/** Nothing is left to change of what is deleted. */
const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
/** Fills in a policy's matchConstraints or a binding's matchResources, in place. */
export function defaultMatchResources(match: Fields | undefined): void {
  if (!match) return;
  defaultMatch(match);
  defaultScopes([...objectsAt(match, 'resourceRules'), ...objectsAt(match, 'excludeResourceRules')]);
}

/** A value that must be given, and be one of a few. */
export function requiredOneOf(fields: Fields, key: string, path: string, supported: readonly string[]): StatusCause[] {
  return fields[key] ? optionalOneOf(fields, key, path, supported) : [requiredValue(`${path}.${key}`)];
}

/** The matchConstraints of a policy, or the matchResources of a binding. */
export function matchResourcesErrors(match: Fields | undefined, path: string): StatusCause[] {
  if (!match) return [];
  const rules = (key: string): StatusCause[] =>
    objectsAt(match, key).flatMap((rule, index) => namedRuleErrors(rule, `${path}.${key}[${index}]`));
  return [
    ...requiredOneOf(match, 'matchPolicy', path, MATCH_POLICIES),
    ...selectorErrors(objectAt(match, 'namespaceSelector') ?? {}, `${path}.namespaceSelector`),
    ...selectorErrors(objectAt(match, 'objectSelector') ?? {}, `${path}.objectSelector`),
    ...rules('resourceRules'),
    ...rules('excludeResourceRules'),
  ];
}

function namedRuleErrors(rule: Fields, path: string): StatusCause[] {
  const names = textsAt(rule, 'resourceNames');
  const errors = names.flatMap((name, index) => {
    const at = `${path}.resourceNames[${index}]`;
    return [
      ...invalidAll(at, name, pathSegmentErrors(name)),
      ...(names.indexOf(name) < index ? [duplicateValue(at, name)] : []),
    ];
  });
  return [...errors, ...ruleErrors(rule, path)];
}

/** A mutating policy is for requests that leave something to change. */
export function mutatingRuleErrors(match: Fields | undefined, path: string): StatusCause[] {
  return objectsAt(match, 'resourceRules').flatMap((rule) =>
    textsAt(rule, 'operations')
      .filter((operation) => !MUTATING_OPERATIONS.includes(operation))
      .map((operation) => unsupportedValue(`${path}.resourceRules.operations`, operation, MUTATING_OPERATIONS)),
  );
}

/** The binding of either kind of policy. */
export function bindingErrors(spec: Fields): StatusCause[] {
  const name = textAt(spec, 'policyName');
  return [
    ...(name === ''
      ? [requiredValue('spec.policyName')]
      : invalidAll('spec.policyName', name, dnsSubdomainErrors(name))),
    ...paramRefErrors(objectAt(spec, 'paramRef'), 'spec.paramRef'),
    ...matchResourcesErrors(objectAt(spec, 'matchResources'), 'spec.matchResources'),
  ];
}

function paramRefErrors(reference: Fields | undefined, path: string): StatusCause[] {
  if (!reference) return [];
  const name = textAt(reference, 'name');
  const selector = objectAt(reference, 'selector');
  const exclusive = 'name and selector are mutually exclusive';
  const errors = invalidAll(`${path}.name`, name, name === '' ? [] : pathSegmentErrors(name));
  if (name !== '' && selector) errors.push(forbiddenValue(`${path}.name`, exclusive));
  if (selector) errors.push(...selectorErrors(selector, `${path}.selector`));
  if (name !== '' && selector) errors.push(forbiddenValue(`${path}.selector`, exclusive));
  if (name === '' && !selector) errors.push(requiredValue(path, 'one of name or selector must be specified'));
  return [...errors, ...requiredOneOf(reference, 'parameterNotFoundAction', path, ['Deny', 'Allow'])];
}
