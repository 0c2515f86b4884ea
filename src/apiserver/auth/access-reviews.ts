import { type Fields, invalid, invalidValue, type KubeObject, type StatusCause } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { PolicyAuthorizer } from './authorize.ts';
import { fieldsOf, stringsOf, textOf } from './fields.ts';

const GROUP = 'authorization.k8s.io';

/** SelfSubjectAccessReview: may the asking user do this? Throws ApiError 422 for a review that asks nothing or two things. */
export function reviewOwnAccess(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const causes = attributeErrors(review);
  if (causes.length > 0) throw invalid({ group: GROUP, kind: review.kind }, '', causes);
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
  if (causes.length > 0) throw invalid({ group: GROUP, kind: review.kind }, '', causes);
  return decided(authorizer, { username, groups }, review);
}

/** SelfSubjectRulesReview: everything that the asking user may do in a namespace. Throws ApiError 422 without one. */
export function reviewOwnRules(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const namespace = fieldsOf(review.spec)['namespace'];
  if (typeof namespace !== 'string' || namespace === '') {
    throw invalid({ group: GROUP, kind: review.kind }, '', [
      { reason: 'FieldValueRequired', field: 'spec.namespace', message: 'Required value' },
    ]);
  }
  const rules = authorizer.rulesFor(user, namespace);
  return {
    ...review,
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
    },
  };
}

function decided(authorizer: PolicyAuthorizer, user: UserInfo, review: KubeObject): KubeObject {
  const { allowed, reason } = authorizer.authorize(user, attributesOf(fieldsOf(review.spec)));
  return { ...review, status: { allowed, ...(reason ? { reason } : {}) } };
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
  const spec = fieldsOf(review.spec);
  const resource = spec['resourceAttributes'] !== undefined;
  const path = spec['nonResourceAttributes'] !== undefined;
  if (resource && path) {
    return [
      invalidValue('spec.nonResourceAttributes', null, 'cannot be specified in combination with resourceAttributes'),
    ];
  }
  if (resource || path) return [];
  return [
    invalidValue(
      'spec.resourceAttributes',
      null,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ),
  ];
}

function localErrors(spec: Fields, namespace: string): StatusCause[] {
  if (spec['nonResourceAttributes'] !== undefined) {
    return [invalidValue('spec.nonResourceAttributes', null, 'disallowed on this kind of request')];
  }
  const asked = fieldsOf(spec['resourceAttributes'])['namespace'] ?? '';
  return asked === namespace
    ? []
    : [invalidValue('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')];
}
