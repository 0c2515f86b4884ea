import type { Resource } from '../machinery/index.ts';

function resource(group: string, version: string, name: string, kind: string, namespaced = true): Resource {
  return { group, version, resource: name, kind, namespaced };
}

export const certificateSigningRequests = resource(
  'certificates.k8s.io',
  'v1',
  'certificatesigningrequests',
  'CertificateSigningRequest',
  false,
);
export const clusterRoles = resource('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', false);
export const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
export const endpoints = resource('', 'v1', 'endpoints', 'Endpoints');
export const leases = resource('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const namespaces = resource('', 'v1', 'namespaces', 'Namespace', false);
export const nodes = resource('', 'v1', 'nodes', 'Node', false);
export const persistentVolumeClaims = resource('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const persistentVolumes = resource('', 'v1', 'persistentvolumes', 'PersistentVolume', false);
export const pods = resource('', 'v1', 'pods', 'Pod');
export const replicationControllers = resource('', 'v1', 'replicationcontrollers', 'ReplicationController');
export const secrets = resource('', 'v1', 'secrets', 'Secret');
export const resourceQuotas = resource('', 'v1', 'resourcequotas', 'ResourceQuota');
export const serviceAccounts = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const services = resource('', 'v1', 'services', 'Service');
export const controllerRevisions = resource('apps', 'v1', 'controllerrevisions', 'ControllerRevision');
export const cronJobs = resource('batch', 'v1', 'cronjobs', 'CronJob');
export const horizontalPodAutoscalers = resource(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
);
export const jobs = resource('batch', 'v1', 'jobs', 'Job');
export const daemonSets = resource('apps', 'v1', 'daemonsets', 'DaemonSet');
export const deployments = resource('apps', 'v1', 'deployments', 'Deployment');
export const podDisruptionBudgets = resource('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const statefulSets = resource('apps', 'v1', 'statefulsets', 'StatefulSet');
export const replicaSets = resource('apps', 'v1', 'replicasets', 'ReplicaSet');
export const endpointSlices = resource('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const storageClasses = resource('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false);
export const csiNodes = resource('storage.k8s.io', 'v1', 'csinodes', 'CSINode', false);
export const volumeAttachments = resource('storage.k8s.io', 'v1', 'volumeattachments', 'VolumeAttachment', false);
export const csiDrivers = resource('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver', false);
export const customResourceDefinitions = resource(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
export const volumeAttributesClasses = resource(
  'storage.k8s.io',
  'v1',
  'volumeattributesclasses',
  'VolumeAttributesClass',
  false,
);
