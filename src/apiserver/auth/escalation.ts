import { isDeepStrictEqual } from 'node:util';
import { type ApiError, forbidden, groupOf, type KubeObject, notFound } from '../../machinery/index.ts';
import type { Authorizer, UserInfo } from '../contracts.ts';
import {
  describePermissions,
  EVERYTHING,
  missingPermissions,
  type PolicyRule,
  quoted,
  rulesOf,
} from './policy-rule.ts';
import { aggregationSelectors, type Rbac, roleRefOf } from './rbac.ts';

const GROUP = 'rbac.authorization.k8s.io';
const RESOURCES: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};
/**
 * Keeps a user from handing out permissions that they do not have: the check that kube-apiserver makes before each create
 * and update of a role or binding. The verbs `escalate` and `bind` lift it. Any other kind of object passes.
 * Throws ApiError 403, or 404 for a binding to a role that does not exist.
 */
export function checkEscalation(
  rbac: Rbac,
  authorizer: Authorizer,
  user: UserInfo,
  object: KubeObject,
  old: KubeObject | undefined,
): void {
  const resource = groupOf(object.apiVersion) === GROUP ? RESOURCES[object.kind] : undefined;
  if (resource === undefined || user.groups.includes('system:masters')) return;
  if (old !== undefined && differOnlyForGarbageCollection(object, old)) return;

  const namespace = object.metadata.namespace ?? '';
  const may = (verb: string, of: string, name: string) =>
    authorizer.authorize(user, {
      verb,
      path: '',
      isResource: true,
      group: GROUP,
      version: '*',
      resource: of,
      subresource: '',
      namespace,
      name,
    }).allowed;
  const refuse = (why: string): ApiError => forbidden({ group: GROUP, resource }, object.metadata.name, why);
  const confirm = (rules: readonly PolicyRule[], otherwise?: string): void => {
    const missing = missingPermissions(rbac.rulesFor(user, namespace), rules);
    if (missing?.length === 0) return;
    const who = `user ${JSON.stringify(user.username)} (groups=${quoted(user.groups)})`;
    const what = missing ? describePermissions(missing) : 'too many to list';
    throw refuse(otherwise ?? `${who} is attempting to grant RBAC permissions not currently held:\n${what}`);
  };

  if (object.kind.endsWith('Role')) {
    if (may('escalate', resource, object.metadata.name)) return;
    confirm(rulesOf(object));
    if (aggregationSelectors(object).length > 0 || (old && aggregationSelectors(old).length > 0)) {
      confirm(EVERYTHING, 'must have cluster-admin privileges to use the aggregationRule');
    }
    return;
  }
  const role = roleRefOf(object);
  const roleResource = RESOURCES[role.kind] ?? '';
  if (may('bind', roleResource, role.name)) return;
  const rules = rbac.rulesOfRole(role, namespace);
  if (rules === undefined) throw notFound({ group: GROUP, resource: roleResource }, role.name);
  confirm(rules);
}

/** Owner references and finalizers may be changed by whoever may update the object, so that it can be deleted. */
function differOnlyForGarbageCollection(object: KubeObject, old: KubeObject): boolean {
  return isDeepStrictEqual(comparable(object), comparable(old));
}

function comparable(object: KubeObject): object {
  const { ownerReferences, finalizers, managedFields, resourceVersion, generation, ...metadata } = object.metadata;
  return { ...object, metadata };
}
