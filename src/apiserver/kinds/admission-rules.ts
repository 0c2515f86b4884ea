import { type Fields, invalidValue, requiredValue, type StatusCause, unsupportedValue } from '../../machinery/index.ts';
import { textsAt } from './fields.ts';

/** What webhooks and policies of admission have in common: which requests they are for. */

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
export const FAILURE_POLICIES = ['Fail', 'Ignore'];
const MATCH_POLICIES = ['Equivalent', 'Exact'];
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];

/** Fills in what selects the requests of a webhook, or of a policy's or binding's matchResources, in place. */
export function defaultMatch(match: Fields): void {
  match['matchPolicy'] ??= 'Equivalent';
  match['namespaceSelector'] ??= {};
  match['objectSelector'] ??= {};
}

export function defaultScopes(rules: readonly Fields[]): void {
  for (const rule of rules) rule['scope'] ??= '*';
}

/** A value that must be one of a few if it is given at all. */
export function optionalOneOf(fields: Fields, key: string, path: string, supported: readonly string[]): StatusCause[] {
  const value = fields[key];
  if (value === undefined || supported.includes(String(value))) return [];
  return [unsupportedValue(`${path}.${key}`, value, supported)];
}

export function matchPolicyErrors(fields: Fields, path: string): StatusCause[] {
  return optionalOneOf(fields, 'matchPolicy', path, MATCH_POLICIES);
}

/** One of the rules by which webhooks and policies name resources and operations. */
export function ruleErrors(rule: Fields, path: string): StatusCause[] {
  const operations = textsAt(rule, 'operations');
  return [
    ...wildcardErrors(operations, `${path}.operations`, 'operations'),
    ...operations.flatMap((operation, index) =>
      OPERATIONS.includes(operation) ? [] : [unsupportedValue(`${path}.operations[${index}]`, operation, OPERATIONS)],
    ),
    ...wildcardErrors(textsAt(rule, 'apiGroups'), `${path}.apiGroups`, 'API groups'),
    ...wildcardErrors(textsAt(rule, 'apiVersions'), `${path}.apiVersions`, 'API versions'),
    ...emptyErrors(textsAt(rule, 'apiVersions'), `${path}.apiVersions`),
    ...resourcesErrors(textsAt(rule, 'resources'), `${path}.resources`),
    ...optionalOneOf(rule, 'scope', path, SCOPES),
  ];
}

function wildcardErrors(values: readonly string[], path: string, what: string): StatusCause[] {
  if (values.length === 0) return [requiredValue(path)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalidValue(path, values, `if '*' is present, must not specify other ${what}`)];
}

const emptyErrors = (values: readonly string[], path: string): StatusCause[] =>
  values.flatMap((value, index) => (value === '' ? [requiredValue(`${path}[${index}]`)] : []));

function resourcesErrors(resources: readonly string[], path: string): StatusCause[] {
  const errors = resources.length === 0 ? [requiredValue(path)] : [];
  const everySubresource = new Set<string>();
  const everyResource = new Set<string>();
  resources.forEach((text, index) => {
    const at = `${path}[${index}]`;
    if (text === '') errors.push(requiredValue(at));
    const slash = text.indexOf('/');
    if (slash < 0) return;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    const repeats = (wildcard: string): StatusCause =>
      invalidValue(at, text, `if '${wildcard}' is present, must not specify ${text}`);
    if (everySubresource.has(resource)) errors.push(repeats(`${resource}/*`));
    if (everyResource.has(subresource)) errors.push(repeats(`*/${subresource}`));
    if (subresource === '*') everySubresource.add(resource);
    if (resource === '*') everyResource.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalidValue(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  const plain = resources.findLast((text) => text !== '' && !text.includes('/'));
  if (resources.includes('*') && plain !== undefined && plain !== '*') {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalidValue(path, resources, detail));
  }
  return errors;
}
