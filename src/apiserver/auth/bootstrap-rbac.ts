import type { KubeObject } from '../../machinery/index.ts';
import { EVERYTHING, type PolicyRule } from './policy-rule.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** A rule on resources of one group, named with spaces between them. */
function rule(verbs: readonly string[], group: string, resources: string): PolicyRule {
  return { verbs, apiGroups: [group], resources: resources.split(' ') };
}

function urls(...nonResourceURLs: string[]): PolicyRule {
  return { verbs: ['get'], nonResourceURLs };
}

const VIEW: readonly PolicyRule[] = [
  rule(READ, '', 'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods'),
  rule(READ, '', 'replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status'),
  rule(READ, '', 'bindings events limitranges namespaces/status pods/log pods/status'),
  rule(READ, '', 'replicationcontrollers/status resourcequotas resourcequotas/status'),
  rule(READ, '', 'namespaces'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(
    READ,
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status',
  ),
  rule(
    READ,
    'apps',
    'replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
  ),
  rule(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  rule(READ, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
];

const EDIT: readonly PolicyRule[] = [
  rule(READ, '', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(WRITE, '', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  rule(['create'], '', 'pods/eviction'),
  rule(WRITE, '', 'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale'),
  rule(WRITE, '', 'secrets serviceaccounts services services/proxy'),
  rule(['create'], '', 'serviceaccounts/token'),
  rule(WRITE, 'apps', 'daemonsets deployments deployments/rollback deployments/scale'),
  rule(WRITE, 'apps', 'replicasets replicasets/scale statefulsets statefulsets/scale'),
  rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  rule(WRITE, 'batch', 'cronjobs jobs'),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule([...READ, ...WRITE], 'coordination.k8s.io', 'leases'),
  rule(WRITE, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
];

const ADMIN: readonly PolicyRule[] = [
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule([...READ, ...WRITE], 'rbac.authorization.k8s.io', 'rolebindings roles'),
];

const HEALTH = ['/healthz', '/livez', '/readyz'];

const PLAIN_ROLES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': EVERYTHING,
  'system:discovery': [
    urls('/api', '/api/*', '/apis', '/apis/*', ...HEALTH, '/openapi', '/openapi/*', '/version', '/version/'),
  ],
  'system:basic-user': [
    rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
  ],
  'system:public-info-viewer': [urls(...HEALTH, '/version', '/version/')],
  'system:monitoring': [
    urls('/metrics', '/metrics/slis', ...HEALTH, ...HEALTH.map((path) => `${path}/*`)),
    rule(['get'], '', 'nodes/metrics'),
  ],
  'system:service-account-issuer-discovery': [
    urls(
      '/.well-known/openid-configuration',
      '/.well-known/openid-configuration/',
      '/openid/v1/jwks',
      '/openid/v1/jwks/',
    ),
  ],
  'system:auth-delegator': [
    rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
    rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
  ],
};

/** Who may do what from the start: role → groups. */
const BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['system:masters'],
  'system:monitoring': ['system:monitoring'],
  'system:discovery': ['system:authenticated'],
  'system:basic-user': ['system:authenticated'],
  'system:public-info-viewer': ['system:authenticated', 'system:unauthenticated'],
  'system:service-account-issuer-discovery': ['system:serviceaccounts'],
};

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;

/**
 * The ClusterRoles and ClusterRoleBindings that kube-apiserver makes at its first start, without those of components that do
 * not exist here. Facts from upstream's bootstrap policy (plugin/pkg/auth/authorizer/rbac/bootstrappolicy, 1.34).
 */
export function bootstrapRbac(): KubeObject[] {
  const plain = Object.entries(PLAIN_ROLES).map(([name, rules]) => clusterRole(name, {}, rules));
  const bindings = Object.entries(BINDINGS).map(([name, groups]) => ({
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name, {}),
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: GROUP, kind: 'Group', name: group })),
  }));
  return [
    ...plain,
    ...aggregated('view', VIEW, ['edit'], VIEW),
    ...aggregated('edit', EDIT, ['admin'], [...EDIT, ...VIEW]),
    ...aggregated('admin', ADMIN, [], [...ADMIN, ...EDIT, ...VIEW]),
    ...bindings,
  ];
}

/**
 * A role that gathers others by label, and the first of those. `all` are the rules that it has gathered so far: the
 * authorizer works them out anew, they are there to be read.
 */
function aggregated(
  name: string,
  own: readonly PolicyRule[],
  into: readonly string[],
  all: readonly PolicyRule[],
): KubeObject[] {
  const label = (role: string) => `${GROUP}/aggregate-to-${role}`;
  const gathered = Object.fromEntries(into.map((role) => [label(role), 'true']));
  return [
    {
      ...clusterRole(name, gathered, all),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label(name)]: 'true' } }] },
    },
    clusterRole(`system:aggregate-to-${name}`, { [label(name)]: 'true' }, own),
  ];
}

function clusterRole(name: string, labels: Record<string, string>, rules: readonly PolicyRule[]): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRole',
    metadata: metadata(name, labels),
    rules: structuredClone(rules),
  };
}

function metadata(name: string, labels: Record<string, string>): KubeObject['metadata'] {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}
