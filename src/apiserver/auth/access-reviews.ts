import {
  ApiError,
  badRequest,
  type Fields,
  forbiddenValue,
  invalid,
  invalidValue,
  isFields,
  type KubeObject,
  parseFieldSelector,
  parseLabelSelector,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { PolicyAuthorizer } from './authorize.ts';
import { fieldsOf, stringsOf, textOf } from './fields.ts';

/** Reviews are refused without a word about their kind. */
const OF = { group: 'authorization.k8s.io', kind: '' };

/** SelfSubjectAccessReview: may the asking user do this? Throws ApiError 422 for a review that asks nothing or two things. */
export function reviewOwnAccess(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const causes = attributeErrors(review);
  if (causes.length > 0) throw invalid(OF, '', causes);
  return decided(authorizer, user, review);
}

/**
 * SubjectAccessReview, and LocalSubjectAccessReview if a namespace is given: may somebody else do this? Throws ApiError 422.
 */
export function reviewAccess(
  authorizer: PolicyAuthorizer,
  review: KubeObject,
  namespace: string | undefined,
): KubeObject {
  const spec = fieldsOf(review.spec);
  const groups = stringsOf(spec['groups']);
  const username = textOf(spec['user']);
  const causes = attributeErrors(review);
  if (username === '' && groups.length === 0) {
    causes.push(invalidValue('spec.user', username, 'at least one of user or group must be specified'));
  }
  if (namespace !== undefined) causes.push(...localErrors(spec, namespace));
  if (causes.length > 0) throw invalid(OF, '', causes);
  const answer = decided(authorizer, { username, groups }, review);
  return namespace === undefined ? answer : { ...answer, metadata: { ...answer.metadata, namespace } };
}

/** SelfSubjectRulesReview: everything that the asking user may do in a namespace. Throws ApiError 400 without one. */
export function reviewOwnRules(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const namespace = textOf(fieldsOf(review.spec)['namespace']);
  if (namespace === '') throw badRequest('no namespace on request');
  const rules = authorizer.rulesFor(user, namespace);
  const evaluationError = authorizer.missingRoles(user, namespace);
  return {
    ...review,
    spec: {},
    status: {
      resourceRules: rules
        .filter((rule) => rule.resources?.length)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames?.length ? { resourceNames } : {}),
        })),
      nonResourceRules: rules
        .filter((rule) => rule.nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
      ...(evaluationError ? { evaluationError } : {}),
    },
  };
}

function decided(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const spec = fieldsOf(review.spec);
  const { allowed, reason } = authorizer.authorize(user, attributesOf(spec));
  const evaluationError = unreadable(fieldsOf(spec['resourceAttributes']));
  return {
    ...review,
    status: { allowed, ...(reason ? { reason } : {}), ...(evaluationError ? { evaluationError } : {}) },
  };
}

/** A selector that cannot be read narrows nothing down, and that is said. */
function unreadable(attributes: Fields): string {
  const errors = [
    ['fieldSelector', parseFieldSelector] as const,
    ['labelSelector', parseLabelSelector] as const,
  ].flatMap(([name, parse]) => {
    const raw = textOf(fieldsOf(attributes[name])['rawSelector']);
    try {
      if (raw !== '') parse(raw);
      return [];
    } catch (error) {
      if (error instanceof ApiError) return [`spec.resourceAttributes.${name} ignored due to parse error`];
      throw error;
    }
  });
  return errors.length > 1 ? `[${errors.join(', ')}]` : errors.join('');
}

function attributesOf(spec: Fields): RequestInfo {
  const isResource = spec['resourceAttributes'] !== undefined;
  const asked = fieldsOf(isResource ? spec['resourceAttributes'] : spec['nonResourceAttributes']);
  const text = (field: string) => textOf(asked[field]);
  return {
    verb: text('verb'),
    path: text('path'),
    isResource,
    group: text('group'),
    version: text('version'),
    resource: text('resource'),
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  };
}

function attributeErrors(review: KubeObject): StatusCause[] {
  const { resourceAttributes: resource, nonResourceAttributes: path } = fieldsOf(review.spec);
  if (resource !== undefined && path !== undefined) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalidValue('spec.nonResourceAttributes', printed(path), detail)];
  }
  if (resource === undefined && path === undefined) {
    const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalidValue('spec.resourceAttributes', null, detail)];
  }
  const attributes = fieldsOf(resource);
  const at = 'spec.resourceAttributes';
  return [
    ...selectorErrors(attributes['fieldSelector'], `${at}.fieldSelector`, (key, field) =>
      key === '' ? [requiredValue(field, 'must be specified')] : [],
    ),
    ...selectorErrors(attributes['labelSelector'], `${at}.labelSelector`, (key, field) =>
      qualifiedNameErrors(key).map((detail) => invalidValue(field, key, detail)),
    ).sort(valuesFirst),
  ];
}

/** The one place where upstream looks at values before keys is labels. */
function valuesFirst(one: StatusCause, other: StatusCause): number {
  const at = (cause: StatusCause) => cause.field?.replace(/\.values$/, '.a').replace(/\.key$/, '.b') ?? '';
  return at(one) < at(other) ? -1 : Number(at(one) > at(other));
}

function selectorErrors(
  selector: unknown,
  path: string,
  keyErrors: (key: string, field: string) => StatusCause[],
): StatusCause[] {
  if (!isFields(selector)) return [];
  const raw = textOf(selector['rawSelector']);
  const requirements = Array.isArray(selector['requirements']) ? selector['requirements'].map(fieldsOf) : [];
  if (raw !== '' && requirements.length > 0) {
    return [invalidValue(`${path}.rawSelector`, raw, 'may not specified at the same time as requirements')];
  }
  if (raw === '' && requirements.length === 0) {
    const detail = `when ${path} is specified, requirements or rawSelector is required`;
    return [requiredValue(`${path}.requirements`, detail)];
  }
  return requirements.flatMap((requirement, index) => {
    const field = `${path}.requirements[${index}]`;
    const values = stringsOf(requirement['values']);
    const operator = textOf(requirement['operator']);
    const errors = keyErrors(textOf(requirement['key']), `${field}.key`);
    if (['In', 'NotIn'].includes(operator) && values.length === 0) {
      errors.push(requiredValue(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (['Exists', 'DoesNotExist'].includes(operator) && values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbiddenValue(`${field}.values`, detail));
    }
    return errors;
  });
}

/** As Go's internal type of them is printed. */
function printed(attributes: unknown): Fields {
  const { path, verb } = fieldsOf(attributes);
  return { Path: textOf(path), Verb: textOf(verb) };
}

function localErrors(spec: Fields, namespace: string): StatusCause[] {
  const path = spec['nonResourceAttributes'];
  if (path !== undefined) {
    return [invalidValue('spec.nonResourceAttributes', printed(path), 'disallowed on this kind of request')];
  }
  const asked = fieldsOf(spec['resourceAttributes'])['namespace'] ?? '';
  return asked === namespace
    ? []
    : [invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')];
}
