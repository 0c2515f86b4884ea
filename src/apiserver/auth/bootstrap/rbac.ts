import type { KubeObject } from '../../../machinery/index.ts';
import { CLUSTER_ROLES } from './cluster-roles.ts';
import { CONTROLLER_ROLES } from './controller-roles.ts';
import { EVENTS, rulesFrom } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;

/** Who has a ClusterRole from the start, beside the controllers. 'Group NAME', 'User NAME', 'ServiceAccount NAME'. */
const CLUSTER_ROLE_BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['Group system:masters'],
  'system:basic-user': ['Group system:authenticated'],
  'system:discovery': ['Group system:authenticated'],
  'system:kube-controller-manager': ['User system:kube-controller-manager'],
  'system:kube-dns': ['ServiceAccount kube-dns'],
  'system:kube-scheduler': ['User system:kube-scheduler'],
  'system:monitoring': ['Group system:monitoring'],
  // Nodes have the node authorizer instead, which knows what each of them needs.
  'system:node': [],
  'system:node-proxier': ['User system:kube-proxy'],
  'system:public-info-viewer': ['Group system:authenticated', 'Group system:unauthenticated'],
  'system:service-account-issuer-discovery': ['Group system:serviceaccounts'],
  'system:volume-scheduler': ['User system:kube-scheduler'],
};

/** The roles that gather others by label, and which they are gathered into themselves. */
const AGGREGATED: Readonly<Record<string, string | undefined>> = { admin: undefined, edit: 'admin', view: 'edit' };

interface NamespacedRole {
  namespace: string;
  name: string;
  rules: readonly string[];
  /** The name of the binding where it is not the role's. */
  binding?: string;
  subjects: readonly string[];
}

const LEADERS = [
  'create,get,list,update,watch coordination.k8s.io leases',
  'create,get,list,update,watch coordination.k8s.io leasecandidates',
];

const ROLES: readonly NamespacedRole[] = [
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: ['get,list,watch core configmaps', 'update core configmaps cluster-info', EVENTS],
    subjects: ['ServiceAccount bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: ['get,list,watch core configmaps extension-apiserver-authentication'],
    binding: 'system::extension-apiserver-authentication-reader',
    subjects: ['User system:kube-controller-manager', 'User system:kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    rules: ['watch core configmaps', 'get,update core configmaps kube-controller-manager', ...LEADERS],
    subjects: [
      'User system:kube-controller-manager',
      'ServiceAccount kube-controller-manager',
      'ServiceAccount leader-election-controller',
    ],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    rules: ['watch core configmaps', 'get,update core configmaps kube-scheduler', ...LEADERS],
    subjects: ['User system:kube-scheduler', 'ServiceAccount kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: ['get,list,watch core secrets'],
    subjects: ['ServiceAccount bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: ['create,get,list,watch core configmaps'],
    subjects: ['ServiceAccount cloud-provider'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: ['delete,get,list,watch core secrets', EVENTS],
    subjects: ['ServiceAccount token-cleaner'],
  },
];

/**
 * The roles and bindings that kube-apiserver makes at its first start and keeps complete at each later one. Facts from
 * upstream's bootstrap policy (1.34).
 */
export function bootstrapRbac(): KubeObject[] {
  const controllers = Object.entries(CONTROLLER_ROLES).map(([name, rules]) => ({
    ...{ account: name, name: `system:controller:${name}`, rules },
  }));
  return [
    ...Object.entries(CLUSTER_ROLES).map(([name, rules]) => role('ClusterRole', ownLabels(name), { name }, rules)),
    ...Object.entries(AGGREGATED).map(([name, into]) => aggregated(name, into)),
    ...controllers.map(({ name, rules }) => role('ClusterRole', {}, { name }, rules)),
    ...Object.entries(CLUSTER_ROLE_BINDINGS).map(([name, subjects]) => clusterBinding(name, subjects)),
    ...controllers.map(({ name, account }) => clusterBinding(name, [`ServiceAccount ${account}`])),
    ...ROLES.flatMap(({ namespace, name, rules, binding: bound, subjects }) => [
      role('Role', {}, { namespace, name }, rules),
      binding('RoleBinding', { namespace, name: bound ?? name }, { kind: 'Role', name }, subjects),
    ]),
  ];
}

const aggregateTo = (name: string) => `${GROUP}/aggregate-to-${name}`;

/** system:aggregate-to-view is gathered into view, and so on. */
function ownLabels(name: string): Record<string, string> {
  const into = /^system:aggregate-to-(.+)$/.exec(name)?.[1];
  return into === undefined ? {} : { [aggregateTo(into)]: 'true' };
}

function aggregated(name: string, into: string | undefined): KubeObject {
  return {
    ...role('ClusterRole', into === undefined ? {} : { [aggregateTo(into)]: 'true' }, { name }, undefined),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateTo(name)]: 'true' } }] },
  };
}

interface Place {
  name: string;
  namespace?: string;
}

/** `rules` is undefined for a role whose rules are gathered by a controller. */
function role(
  kind: string,
  labels: Record<string, string>,
  place: Place,
  rules: readonly string[] | undefined,
): KubeObject {
  return { apiVersion: API_VERSION, kind, metadata: metadata(place, labels), rules: rules ? rulesFrom(rules) : null };
}

function clusterBinding(name: string, subjects: readonly string[]): KubeObject {
  return binding('ClusterRoleBinding', { name }, { kind: 'ClusterRole', name }, subjects);
}

function binding(
  kind: string,
  place: Place,
  roleRef: { kind: string; name: string },
  subjects: readonly string[],
): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind,
    metadata: metadata(place, {}),
    roleRef: { apiGroup: GROUP, ...roleRef },
    ...(subjects.length > 0 ? { subjects: subjects.map(subject) } : {}),
  };
}

function subject(text: string): object {
  const [kind, name] = text.split(' ');
  return kind === 'ServiceAccount' ? { kind, name, namespace: 'kube-system' } : { kind, apiGroup: GROUP, name };
}

function metadata(place: Place, labels: Record<string, string>): KubeObject['metadata'] {
  return {
    ...place,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}
