import type { KindStrategy } from '../contracts.ts';
import { validatingBindingStrategy, validatingPolicyStrategy } from './admission-policy.ts';
import { apiServiceStrategy } from './api-service.ts';
import { controllerRevisionStrategy } from './apps/controller-revision.ts';
import { daemonSetStrategy } from './apps/daemon-set.ts';
import { deploymentStrategy } from './apps/deployment.ts';
import { replicaSetStrategy } from './apps/replica-set.ts';
import { statefulSetStrategy } from './apps/stateful-set.ts';
import { horizontalPodAutoscalerStrategy } from './autoscaling/horizontal-pod-autoscaler.ts';
import { cronJobStrategy } from './batch/cron-job.ts';
import { jobStrategy } from './batch/job.ts';
import { certificateSigningRequestStrategy } from './certificate-signing-request.ts';
import { configMapStrategy, secretStrategy } from './config.ts';
import { resourceClaimStrategy, resourceClaimTemplateStrategy } from './devices/claims.ts';
import { deviceClassStrategy } from './devices/class.ts';
import { resourceSliceStrategy } from './devices/slice.ts';
import { endpointSliceStrategy } from './endpoint-slice.ts';
import { endpointsStrategy } from './endpoints.ts';
import { eventStrategy, newEventStrategy } from './event.ts';
import { flowSchemaStrategy } from './flowcontrol/flow-schema.ts';
import { priorityLevelStrategy } from './flowcontrol/priority-level.ts';
import { ingressStrategy } from './ingress.ts';
import { leaseStrategy } from './lease.ts';
import { limitRangeStrategy } from './limit-range.ts';
import { mutatingBindingStrategy, mutatingPolicyStrategy } from './mutating-policy.ts';
import { namespaceStrategy } from './namespace.ts';
import { ipAddressStrategy, serviceCidrStrategy } from './networking/addresses.ts';
import { ingressClassStrategy } from './networking/ingress-class.ts';
import { networkPolicyStrategy } from './networking/network-policy.ts';
import { nodeStrategy } from './node.ts';
import { podStrategy } from './pod/pod.ts';
import { podTemplateStrategy } from './pod/pod-template.ts';
import { podDisruptionBudgetStrategy } from './policy/pod-disruption-budget.ts';
import { priorityClassStrategy } from './priority-class.ts';
import { clusterRoleBindingStrategy, clusterRoleStrategy, roleBindingStrategy, roleStrategy } from './rbac.ts';
import { replicationControllerStrategy } from './replication-controller.ts';
import { resourceQuotaStrategy } from './resource-quota.ts';
import { runtimeClassStrategy } from './runtime-class.ts';
import { serviceStrategy } from './service/service.ts';
import { serviceAccountStrategy } from './service-account.ts';
import { storageClassStrategy, volumeAttributesClassStrategy } from './storage/classes.ts';
import { csiDriverStrategy, csiNodeStrategy, csiStorageCapacityStrategy } from './storage/csi.ts';
import { persistentVolumeStrategy } from './storage/persistent-volume.ts';
import { persistentVolumeClaimStrategy } from './storage/persistent-volume-claim.ts';
import { volumeAttachmentStrategy } from './storage/volume-attachment.ts';
import { mutatingWebhooksStrategy, validatingWebhooksStrategy } from './webhook-configuration.ts';

const strategies: ReadonlyMap<string, KindStrategy> = new Map([
  ['/ConfigMap', configMapStrategy],
  ['/ComponentStatus', { deprecation: 'v1 ComponentStatus is deprecated in v1.19+' }],
  ['/Endpoints', endpointsStrategy],
  ['/Event', eventStrategy],
  ['/LimitRange', limitRangeStrategy],
  ['/Namespace', namespaceStrategy],
  ['/Node', nodeStrategy],
  ['/PersistentVolume', persistentVolumeStrategy],
  ['/PersistentVolumeClaim', persistentVolumeClaimStrategy],
  ['/Pod', podStrategy],
  ['/PodTemplate', podTemplateStrategy],
  ['/ReplicationController', replicationControllerStrategy],
  ['/ResourceQuota', resourceQuotaStrategy],
  ['/Secret', secretStrategy],
  ['/Service', serviceStrategy],
  ['/ServiceAccount', serviceAccountStrategy],
  ['admissionregistration.k8s.io/MutatingAdmissionPolicy', mutatingPolicyStrategy],
  ['admissionregistration.k8s.io/MutatingAdmissionPolicyBinding', mutatingBindingStrategy],
  ['admissionregistration.k8s.io/ValidatingAdmissionPolicy', validatingPolicyStrategy],
  ['admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding', validatingBindingStrategy],
  ['admissionregistration.k8s.io/MutatingWebhookConfiguration', mutatingWebhooksStrategy],
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', validatingWebhooksStrategy],
  ['apiregistration.k8s.io/APIService', apiServiceStrategy],
  ['apps/ControllerRevision', controllerRevisionStrategy],
  ['apps/DaemonSet', daemonSetStrategy],
  ['apps/Deployment', deploymentStrategy],
  ['apps/ReplicaSet', replicaSetStrategy],
  ['apps/StatefulSet', statefulSetStrategy],
  ['autoscaling/HorizontalPodAutoscaler', horizontalPodAutoscalerStrategy],
  ['batch/CronJob', cronJobStrategy],
  ['batch/Job', jobStrategy],
  ['certificates.k8s.io/CertificateSigningRequest', certificateSigningRequestStrategy],
  ['coordination.k8s.io/Lease', leaseStrategy],
  ['discovery.k8s.io/EndpointSlice', endpointSliceStrategy],
  ['events.k8s.io/Event', newEventStrategy],
  ['flowcontrol.apiserver.k8s.io/FlowSchema', flowSchemaStrategy],
  ['flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration', priorityLevelStrategy],
  ['networking.k8s.io/IPAddress', ipAddressStrategy],
  ['networking.k8s.io/Ingress', ingressStrategy],
  ['networking.k8s.io/IngressClass', ingressClassStrategy],
  ['networking.k8s.io/NetworkPolicy', networkPolicyStrategy],
  ['networking.k8s.io/ServiceCIDR', serviceCidrStrategy],
  ['node.k8s.io/RuntimeClass', runtimeClassStrategy],
  ['policy/PodDisruptionBudget', podDisruptionBudgetStrategy],
  ['rbac.authorization.k8s.io/ClusterRole', clusterRoleStrategy],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', clusterRoleBindingStrategy],
  ['rbac.authorization.k8s.io/Role', roleStrategy],
  ['rbac.authorization.k8s.io/RoleBinding', roleBindingStrategy],
  ['resource.k8s.io/DeviceClass', deviceClassStrategy],
  ['resource.k8s.io/ResourceClaim', resourceClaimStrategy],
  ['resource.k8s.io/ResourceClaimTemplate', resourceClaimTemplateStrategy],
  ['resource.k8s.io/ResourceSlice', resourceSliceStrategy],
  ['scheduling.k8s.io/PriorityClass', priorityClassStrategy],
  ['storage.k8s.io/CSIDriver', csiDriverStrategy],
  ['storage.k8s.io/CSINode', csiNodeStrategy],
  ['storage.k8s.io/CSIStorageCapacity', csiStorageCapacityStrategy],
  ['storage.k8s.io/StorageClass', storageClassStrategy],
  ['storage.k8s.io/VolumeAttachment', volumeAttachmentStrategy],
  ['storage.k8s.io/VolumeAttributesClass', volumeAttributesClassStrategy],
]);

/**
 * The strategy of a built-in kind: its defaults, what it checks beyond its schema and its metadata, and what it sets
 * on create and keeps on update. undefined for a kind that has nothing of its own.
 */
export function strategyFor(group: string, kind: string): KindStrategy | undefined {
  return strategies.get(`${group}/${kind}`);
}
