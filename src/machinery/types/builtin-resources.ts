import { apiVersionOf } from '../object.ts';
import type { Resource, ResourceInfo, SubresourceInfo, Verb } from '../resource.ts';

const ALL: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const NOT_IN_BULK: readonly Verb[] = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
const CREATE_ONLY: readonly Verb[] = ['create'];
const READ_ONLY: readonly Verb[] = ['get', 'list'];
const CONNECT: readonly Verb[] = ['create', 'get'];
const EDIT: readonly Verb[] = ['get', 'patch', 'update'];

const STATUS: SubresourceInfo = { name: 'status', verbs: EDIT };
const SCALE: SubresourceInfo = { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: EDIT };

interface Options {
  shortNames?: readonly string[];
  categories?: readonly string[];
  verbs?: readonly Verb[];
  subresources?: readonly SubresourceInfo[];
}

/** A resource whose plural and singular follow from nothing: both are given. */
function resource(
  apiVersion: string,
  plural: string,
  kind: string,
  scope: 'namespaced' | 'cluster',
  options: Options = {},
): ResourceInfo {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return {
    group,
    version,
    resource: plural,
    kind,
    namespaced: scope === 'namespaced',
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    verbs: options.verbs ?? ALL,
    subresources: options.subresources ?? [],
  };
}

const CORE: readonly ResourceInfo[] = [
  resource('v1', 'bindings', 'Binding', 'namespaced', { verbs: CREATE_ONLY }),
  resource('v1', 'componentstatuses', 'ComponentStatus', 'cluster', { shortNames: ['cs'], verbs: READ_ONLY }),
  resource('v1', 'configmaps', 'ConfigMap', 'namespaced', { shortNames: ['cm'] }),
  resource('v1', 'endpoints', 'Endpoints', 'namespaced', { shortNames: ['ep'] }),
  resource('v1', 'events', 'Event', 'namespaced', { shortNames: ['ev'] }),
  resource('v1', 'limitranges', 'LimitRange', 'namespaced', { shortNames: ['limits'] }),
  resource('v1', 'namespaces', 'Namespace', 'cluster', {
    shortNames: ['ns'],
    verbs: NOT_IN_BULK,
    subresources: [{ name: 'finalize', verbs: ['update'] }, STATUS],
  }),
  resource('v1', 'nodes', 'Node', 'cluster', { shortNames: ['no'], subresources: [STATUS] }),
  resource('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', 'namespaced', {
    shortNames: ['pvc'],
    subresources: [STATUS],
  }),
  resource('v1', 'persistentvolumes', 'PersistentVolume', 'cluster', { shortNames: ['pv'], subresources: [STATUS] }),
  resource('v1', 'pods', 'Pod', 'namespaced', {
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      { name: 'attach', kind: 'PodAttachOptions', verbs: CONNECT },
      { name: 'binding', kind: 'Binding', verbs: CREATE_ONLY },
      { name: 'ephemeralcontainers', verbs: EDIT },
      { name: 'eviction', group: 'policy', version: 'v1', kind: 'Eviction', verbs: CREATE_ONLY },
      { name: 'exec', kind: 'PodExecOptions', verbs: CONNECT },
      { name: 'log', verbs: ['get'] },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: CONNECT },
      { name: 'resize', verbs: EDIT },
      STATUS,
    ],
  }),
  resource('v1', 'podtemplates', 'PodTemplate', 'namespaced'),
  resource('v1', 'replicationcontrollers', 'ReplicationController', 'namespaced', {
    shortNames: ['rc'],
    categories: ['all'],
    subresources: [SCALE, STATUS],
  }),
  resource('v1', 'resourcequotas', 'ResourceQuota', 'namespaced', { shortNames: ['quota'], subresources: [STATUS] }),
  resource('v1', 'secrets', 'Secret', 'namespaced'),
  resource('v1', 'serviceaccounts', 'ServiceAccount', 'namespaced', {
    shortNames: ['sa'],
    subresources: [
      { name: 'token', group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: CREATE_ONLY },
    ],
  }),
  resource('v1', 'services', 'Service', 'namespaced', {
    shortNames: ['svc'],
    categories: ['all'],
    subresources: [STATUS],
  }),
];

const RBAC = 'rbac.authorization.k8s.io/v1';
const REVIEW: Options = { verbs: CREATE_ONLY };

const ADMISSION = 'admissionregistration.k8s.io/v1';
const ADMISSION_BETA = 'admissionregistration.k8s.io/v1beta1';
const EXTENSION: Options = { categories: ['api-extensions'] };
const STORAGE = 'storage.k8s.io/v1';
const NETWORKING = 'networking.k8s.io/v1';
const FLOWCONTROL = 'flowcontrol.apiserver.k8s.io/v1';
const DRA = 'resource.k8s.io/v1';

/** What a cluster is made of: volumes, networks, devices, and how requests are shared out. */
const CLUSTER: readonly ResourceInfo[] = [
  resource('apiregistration.k8s.io/v1', 'apiservices', 'APIService', 'cluster', {
    categories: ['api-extensions'],
    subresources: [STATUS],
  }),
  resource('certificates.k8s.io/v1', 'certificatesigningrequests', 'CertificateSigningRequest', 'cluster', {
    shortNames: ['csr'],
    subresources: [{ name: 'approval', verbs: EDIT }, STATUS],
  }),
  resource(FLOWCONTROL, 'flowschemas', 'FlowSchema', 'cluster', { subresources: [STATUS] }),
  resource(FLOWCONTROL, 'prioritylevelconfigurations', 'PriorityLevelConfiguration', 'cluster', {
    subresources: [STATUS],
  }),
  resource(NETWORKING, 'ipaddresses', 'IPAddress', 'cluster', { shortNames: ['ip'] }),
  resource(NETWORKING, 'networkpolicies', 'NetworkPolicy', 'namespaced', { shortNames: ['netpol'] }),
  resource(NETWORKING, 'servicecidrs', 'ServiceCIDR', 'cluster', { subresources: [STATUS] }),
  resource('node.k8s.io/v1', 'runtimeclasses', 'RuntimeClass', 'cluster'),
  resource(DRA, 'deviceclasses', 'DeviceClass', 'cluster'),
  resource(DRA, 'resourceclaims', 'ResourceClaim', 'namespaced', { subresources: [STATUS] }),
  resource(DRA, 'resourceclaimtemplates', 'ResourceClaimTemplate', 'namespaced'),
  resource(DRA, 'resourceslices', 'ResourceSlice', 'cluster'),
  resource(STORAGE, 'csidrivers', 'CSIDriver', 'cluster'),
  resource(STORAGE, 'csinodes', 'CSINode', 'cluster'),
  resource(STORAGE, 'csistoragecapacities', 'CSIStorageCapacity', 'namespaced'),
  resource(STORAGE, 'storageclasses', 'StorageClass', 'cluster', { shortNames: ['sc'] }),
  resource(STORAGE, 'volumeattachments', 'VolumeAttachment', 'cluster', { subresources: [STATUS] }),
  resource(STORAGE, 'volumeattributesclasses', 'VolumeAttributesClass', 'cluster', { shortNames: ['vac'] }),
];

const GROUPED: readonly ResourceInfo[] = [
  resource(ADMISSION_BETA, 'mutatingadmissionpolicies', 'MutatingAdmissionPolicy', 'cluster', EXTENSION),
  resource(ADMISSION_BETA, 'mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding', 'cluster', EXTENSION),
  resource(ADMISSION, 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', 'cluster', {
    ...EXTENSION,
    subresources: [STATUS],
  }),
  resource(ADMISSION, 'validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', 'cluster', EXTENSION),
  resource(ADMISSION, 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', 'cluster', EXTENSION),
  resource(ADMISSION, 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', 'cluster', EXTENSION),
  resource('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', 'cluster', {
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    subresources: [STATUS],
  }),
  resource('apps/v1', 'controllerrevisions', 'ControllerRevision', 'namespaced'),
  resource('apps/v1', 'daemonsets', 'DaemonSet', 'namespaced', {
    shortNames: ['ds'],
    categories: ['all'],
    subresources: [STATUS],
  }),
  resource('apps/v1', 'deployments', 'Deployment', 'namespaced', {
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: [SCALE, STATUS],
  }),
  resource('apps/v1', 'replicasets', 'ReplicaSet', 'namespaced', {
    shortNames: ['rs'],
    categories: ['all'],
    subresources: [SCALE, STATUS],
  }),
  resource('apps/v1', 'statefulsets', 'StatefulSet', 'namespaced', {
    shortNames: ['sts'],
    categories: ['all'],
    subresources: [SCALE, STATUS],
  }),
  resource('authentication.k8s.io/v1', 'selfsubjectreviews', 'SelfSubjectReview', 'cluster', REVIEW),
  resource('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', 'cluster', REVIEW),
  resource('authorization.k8s.io/v1', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', 'namespaced', REVIEW),
  resource('authorization.k8s.io/v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', 'cluster', REVIEW),
  resource('authorization.k8s.io/v1', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', 'cluster', REVIEW),
  resource('authorization.k8s.io/v1', 'subjectaccessreviews', 'SubjectAccessReview', 'cluster', REVIEW),
  ...['autoscaling/v2', 'autoscaling/v1'].map((version) =>
    resource(version, 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', 'namespaced', {
      shortNames: ['hpa'],
      categories: ['all'],
      subresources: [STATUS],
    }),
  ),
  resource('batch/v1', 'cronjobs', 'CronJob', 'namespaced', {
    shortNames: ['cj'],
    categories: ['all'],
    subresources: [STATUS],
  }),
  resource('batch/v1', 'jobs', 'Job', 'namespaced', { categories: ['all'], subresources: [STATUS] }),
  resource('coordination.k8s.io/v1', 'leases', 'Lease', 'namespaced'),
  resource('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', 'namespaced'),
  resource('events.k8s.io/v1', 'events', 'Event', 'namespaced', { shortNames: ['ev'] }),
  resource('networking.k8s.io/v1', 'ingressclasses', 'IngressClass', 'cluster'),
  resource('networking.k8s.io/v1', 'ingresses', 'Ingress', 'namespaced', {
    shortNames: ['ing'],
    subresources: [STATUS],
  }),
  resource('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', 'namespaced', {
    shortNames: ['pdb'],
    subresources: [STATUS],
  }),
  resource(RBAC, 'clusterrolebindings', 'ClusterRoleBinding', 'cluster'),
  resource(RBAC, 'clusterroles', 'ClusterRole', 'cluster'),
  resource(RBAC, 'rolebindings', 'RoleBinding', 'namespaced'),
  resource(RBAC, 'roles', 'Role', 'namespaced'),
  resource('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass', 'cluster', { shortNames: ['pc'] }),
];

/** The built-in resources that the embedded API server serves: what has behaviour here, or is pure data. */
export const builtinResources: readonly ResourceInfo[] = [...CORE, ...CLUSTER, ...GROUPED];

const byKind: ReadonlyMap<string, ResourceInfo> = new Map(
  builtinResources.map((info) => [`${apiVersionOf(info.group, info.version)} ${info.kind}`, info]),
);

/** The built-in resource of a kind: resourceOf('apps/v1', 'Deployment'). Throws for a kind that is not built in. */
export function resourceOf(apiVersion: string, kind: string): Resource {
  const found = byKind.get(`${apiVersion} ${kind}`);
  if (!found) throw new Error(`no built-in resource serves ${kind} of ${apiVersion}: ask the API server's discovery`);
  return found;
}
