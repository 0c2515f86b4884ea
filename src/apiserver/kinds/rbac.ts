import {
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll, isGiven, selectorErrors } from './checks.ts';
import { objectAt, objectsAt, textAt } from './fields.ts';
import { internalForm, type Shape } from './internal-form.ts';
import { pathSegmentErrors } from './path-segment.ts';

const roleRefShape: Shape = { APIGroup: 'apiGroup=""', Kind: 'kind=""', Name: 'name=""' };

const group = 'rbac.authorization.k8s.io';

export const roleStrategy: KindStrategy = {
  createsOnUpdate: true,
  validate: (role, old) => twice(rulesErrors(role, true), old),
};

export const clusterRoleStrategy: KindStrategy = {
  createsOnUpdate: true,
  validate: (role, old) => twice([...rulesErrors(role, false), ...aggregationErrors(role)], old),
};

/** Upstream checks the new object of an update two times over. */
function twice(errors: StatusCause[], old: KubeObject | undefined): StatusCause[] {
  return old ? [...errors, ...errors] : errors;
}

function aggregationErrors(role: KubeObject): StatusCause[] {
  const aggregation = objectAt(role, 'aggregationRule');
  if (!aggregation) return [];
  const errors: StatusCause[] = [];
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = objectsAt(aggregation, 'clusterRoleSelectors');
  if (selectors.length === 0) {
    const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
    errors.push(requiredValue(path, detail));
  }
  selectors.forEach((selector, index) => {
    const wrong = selectorErrors(selector, `${path}[${index}]`);
    if (wrong.length > 0) wrong.push(invalidValue(`${path}[${index}]`, null, 'invalid label selector.'));
    errors.push(...wrong);
  });
  return errors;
}

function rulesErrors(role: KubeObject, namespaced: boolean): StatusCause[] {
  return objectsAt(role, 'rules').flatMap((rule, index) => ruleErrors(rule, namespaced, `rules[${index}]`));
}

function ruleErrors(rule: Fields, namespaced: boolean, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (!isGiven(rule['verbs'])) errors.push(requiredValue(`${path}.verbs`, 'verbs must contain at least one value'));
  const urls = rule['nonResourceURLs'];
  if (isGiven(urls)) {
    const wrong = (detail: string): number => errors.push(invalidValue(`${path}.nonResourceURLs`, urls, detail));
    if (namespaced) wrong('namespaced rules cannot apply to non-resource URLs');
    if (isGiven(rule['apiGroups']) || isGiven(rule['resources']) || isGiven(rule['resourceNames'])) {
      wrong('rules cannot apply to both regular resources and non-resource URLs');
    }
    return errors;
  }
  if (!isGiven(rule['apiGroups'])) {
    errors.push(requiredValue(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (!isGiven(rule['resources'])) {
    errors.push(requiredValue(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

/** Role bindings; the kinds of role that they may refer to differ. */
function bindingStrategy(kinds: readonly string[], namespaced: boolean): KindStrategy {
  return {
    applyDefaults(binding) {
      const role = objectAt(binding, 'roleRef');
      if (role && textAt(role, 'apiGroup') === '') role['apiGroup'] = group;
      for (const subject of objectsAt(binding, 'subjects')) {
        const named = subject['kind'] === 'User' || subject['kind'] === 'Group';
        if (named && textAt(subject, 'apiGroup') === '') subject['apiGroup'] = group;
      }
    },
    validate(binding, old) {
      const role = objectAt(binding, 'roleRef');
      const errors = roleRefErrors(role, kinds);
      objectsAt(binding, 'subjects').forEach((subject, index) => {
        errors.push(...subjectErrors(subject, namespaced, `subjects[${index}]`));
      });
      const all = twice(errors, old);
      if (!old || equalJson(old['roleRef'], role)) return all;
      return [...all, invalidValue('roleRef', internalForm(role ?? {}, roleRefShape), 'cannot change roleRef')];
    },
  };
}

export const roleBindingStrategy = bindingStrategy(['Role', 'ClusterRole'], true);
export const clusterRoleBindingStrategy = bindingStrategy(['ClusterRole'], false);

function roleRefErrors(role: Fields | undefined, kinds: readonly string[]): StatusCause[] {
  const [apiGroup, kind, name] = ['apiGroup', 'kind', 'name'].map((key) => textAt(role, key));
  const errors: StatusCause[] = [];
  if (apiGroup !== group) errors.push(unsupportedValue('roleRef.apiGroup', apiGroup, [group]));
  if (!kinds.includes(kind ?? '')) errors.push(unsupportedValue('roleRef.kind', kind, kinds));
  if (!name) errors.push(requiredValue('roleRef.name'));
  else errors.push(...invalidAll('roleRef.name', name, pathSegmentErrors(name)));
  return errors;
}

function subjectErrors(subject: Fields, namespaced: boolean, path: string): StatusCause[] {
  const [name, kind, apiGroup] = [textAt(subject, 'name'), textAt(subject, 'kind'), textAt(subject, 'apiGroup')];
  const errors = name === '' ? [requiredValue(`${path}.name`)] : [];
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalidAll(`${path}.name`, name, dnsSubdomainErrors(name)));
      if (apiGroup !== '') errors.push(unsupportedValue(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && textAt(subject, 'namespace') === '') errors.push(requiredValue(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== group) errors.push(unsupportedValue(`${path}.apiGroup`, apiGroup, [group]));
      break;
    default:
      errors.push(unsupportedValue(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
