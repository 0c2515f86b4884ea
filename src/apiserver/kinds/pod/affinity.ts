import {
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, selectorErrors } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { nodeSelectorErrors, nodeSelectorTermErrors } from '../node-selector-errors.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** What is wrong with the affinities of a pod's spec. */
export function affinityErrors(affinity: Fields | undefined, path: string): StatusCause[] {
  return [
    ...nodeAffinityErrors(objectAt(affinity, 'nodeAffinity'), `${path}.nodeAffinity`),
    ...['podAffinity', 'podAntiAffinity'].flatMap((key) =>
      podAffinityErrors(objectAt(affinity, key), `${path}.${key}`),
    ),
  ];
}

function nodeAffinityErrors(affinity: Fields | undefined, path: string): StatusCause[] {
  const selector = objectAt(affinity, REQUIRED);
  return [
    ...(selector ? nodeSelectorErrors(selector, `${path}.${REQUIRED}`) : []),
    ...objectsAt(affinity, PREFERRED).flatMap((term, index) => {
      const at = `${path}.${PREFERRED}[${index}]`;
      const preference = objectAt(term, 'preference') ?? {};
      return [...weightErrors(term, at), ...nodeSelectorTermErrors(preference, `${at}.preference`, true)];
    }),
  ];
}

function weightErrors(term: Fields, path: string): StatusCause[] {
  const weight = numberAt(term, 'weight') ?? 0;
  return weight >= 1 && weight <= 100 ? [] : [invalidValue(`${path}.weight`, weight, 'must be in the range 1-100')];
}

function podAffinityErrors(affinity: Fields | undefined, path: string): StatusCause[] {
  return [
    ...objectsAt(affinity, REQUIRED).flatMap((term, i) => podTermErrors(term, `${path}.${REQUIRED}[${i}]`)),
    ...objectsAt(affinity, PREFERRED).flatMap((weighted, i) => {
      const at = `${path}.${PREFERRED}[${i}]`;
      const term = objectAt(weighted, 'podAffinityTerm') ?? {};
      return [...weightErrors(weighted, at), ...podTermErrors(term, `${at}.podAffinityTerm`)];
    }),
  ];
}

function podTermErrors(term: Fields, path: string): StatusCause[] {
  const key = textAt(term, 'topologyKey');
  return [
    ...['labelSelector', 'namespaceSelector'].flatMap((of) =>
      selectorErrors(objectAt(term, of) ?? {}, `${path}.${of}`),
    ),
    ...textsAt(term, 'namespaces').flatMap((name) => invalidAll(`${path}.namespace`, name, dnsLabelErrors(name))),
    ...labelKeyErrors(term, path),
    ...(key === '' ? [requiredValue(`${path}.topologyKey`, 'can not be empty')] : []),
    ...invalidAll(`${path}.topologyKey`, key, qualifiedNameErrors(key)),
  ];
}

/** Keys whose values a pod compares with its own: they go into the selector, where they must not be already. */
function labelKeyErrors(fields: Fields, path: string): StatusCause[] {
  const [match, mismatch] = [textsAt(fields, 'matchLabelKeys'), textsAt(fields, 'mismatchLabelKeys')];
  const selector = objectAt(fields, 'labelSelector');
  const errors = Object.entries({ matchLabelKeys: match, mismatchLabelKeys: mismatch }).flatMap(([list, keys]) => {
    const at = `${path}.${list}`;
    if (keys.length > 0 && !selector) {
      return [forbiddenValue(at, 'must not be specified when labelSelector is not set')];
    }
    return keys.flatMap((key, i) => invalidAll(`${at}[${i}]`, key, qualifiedNameErrors(key)));
  });
  const selected = new Set(Object.keys(objectAt(selector, 'matchLabels') ?? {}));
  for (const expression of objectsAt(selector, 'matchExpressions')) {
    const key = textAt(expression, 'key');
    const index = match.lastIndexOf(key);
    if (index >= 0 && selected.has(key)) {
      errors.push(invalidValue(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    }
    selected.add(key);
  }
  match.forEach((key, i) => {
    if (!mismatch.includes(key)) return;
    const detail = 'exists in both matchLabelKeys and mismatchLabelKeys';
    errors.push(invalidValue(`${path}.matchLabelKeys[${i}]`, key, detail));
  });
  return errors;
}

/**
 * Puts what a new pod's own labels say into the selectors of its affinities and spread, in place: 'in' for keys that
 * have to match, 'not in' for those that must not (KEP-3633, KEP-3243).
 */
export function mergeLabelKeys(spec: Fields, labels: Readonly<Record<string, string>>): void {
  for (const key of ['podAffinity', 'podAntiAffinity']) {
    const affinity = objectAt(objectAt(spec, 'affinity'), key);
    for (const term of objectsAt(affinity, REQUIRED)) merge(term, labels);
    for (const weighted of objectsAt(affinity, PREFERRED)) merge(objectAt(weighted, 'podAffinityTerm') ?? {}, labels);
  }
  for (const constraint of objectsAt(spec, 'topologySpreadConstraints')) merge(constraint, labels);
}

function merge(fields: Fields, labels: Readonly<Record<string, string>>): void {
  const selector = objectAt(fields, 'labelSelector');
  if (!selector) return;
  const add = (keys: readonly string[], operator: string): void => {
    for (const key of keys) {
      const value = labels[key];
      if (value === undefined) continue;
      selector['matchExpressions'] = [...objectsAt(selector, 'matchExpressions'), { key, operator, values: [value] }];
    }
  };
  add(textsAt(fields, 'matchLabelKeys'), 'In');
  add(textsAt(fields, 'mismatchLabelKeys'), 'NotIn');
}

const actions = ['DoNotSchedule', 'ScheduleAnyway'];

/** What is wrong with how a pod's spec spreads its like over the nodes. */
export function spreadErrors(constraints: readonly Fields[], path: string): StatusCause[] {
  return constraints.flatMap((constraint, index) => {
    const at = `${path}[${index}]`;
    const [key, action] = [textAt(constraint, 'topologyKey'), textAt(constraint, 'whenUnsatisfiable')];
    const errors = positiveErrors(numberAt(constraint, 'maxSkew') ?? 0, `${at}.maxSkew`);
    if (key === '') errors.push(requiredValue(`${at}.topologyKey`, 'can not be empty'));
    if (!actions.includes(action)) errors.push(unsupportedValue(`${at}.whenUnsatisfiable`, action, actions));
    const isRepeated = constraints
      .slice(index + 1)
      .some((other) => textAt(other, 'topologyKey') === key && textAt(other, 'whenUnsatisfiable') === action);
    if (isRepeated) errors.push(duplicateValue(`${at}.{topologyKey, whenUnsatisfiable}`, `{${key}, ${action}}`));
    const domains = numberAt(constraint, 'minDomains');
    if (domains !== undefined) {
      errors.push(...positiveErrors(domains, `${at}.minDomains`));
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`;
      if (action !== 'DoNotSchedule') errors.push(invalidValue(`${at}.minDomains`, domains, detail));
    }
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy']) {
      const value = constraint[policy];
      if (value === undefined || value === 'Honor' || value === 'Ignore') continue;
      errors.push(unsupportedValue(`${at}.${policy}`, value, ['Honor', 'Ignore']));
    }
    return [
      ...errors,
      ...labelKeyErrors(constraint, at),
      ...selectorErrors(objectAt(constraint, 'labelSelector') ?? {}, `${at}.labelSelector`),
    ];
  });
}

function positiveErrors(value: number, path: string): StatusCause[] {
  return value > 0 ? [] : [invalidValue(path, value, 'must be greater than zero')];
}
