import { apiVersionOf } from '../../machinery/index.ts';
import type { TablePrinter } from '../contracts.ts';
import {
  apiServicePrinter,
  certificateSigningRequestPrinter,
  componentStatusPrinter,
  flowSchemaPrinter,
  priorityLevelPrinter,
  resourceQuotaPrinter,
  runtimeClassPrinter,
} from './administration.ts';
import { mutatingPolicyPrinter, policyBindingPrinter, validatingPolicyPrinter, webhooksPrinter } from './admission.ts';
import { horizontalPodAutoscalerPrinter } from './autoscaling.ts';
import { cronJobPrinter, jobPrinter } from './batch.ts';
import { leasePrinter, namespacePrinter, nodePrinter, priorityClassPrinter } from './cluster.ts';
import { configMapPrinter, secretPrinter, serviceAccountPrinter } from './config.ts';
import { namedPrinter, resourceClaimPrinter, resourceSlicePrinter } from './devices.ts';
import { eventPrinter } from './events.ts';
import {
  endpointSlicePrinter,
  endpointsPrinter,
  ingressClassPrinter,
  ingressPrinter,
  ipAddressPrinter,
  networkPolicyPrinter,
  serviceCidrPrinter,
  servicePrinter,
} from './network.ts';
import { podPrinter } from './pods.ts';
import { bindingPrinter } from './rbac.ts';
import {
  csiDriverPrinter,
  csiNodePrinter,
  persistentVolumeClaimPrinter,
  persistentVolumePrinter,
  storageClassPrinter,
  volumeAttachmentPrinter,
  volumeAttributesClassPrinter,
} from './storage.ts';
import { column, NAME, table } from './table.ts';
import {
  controllerRevisionPrinter,
  daemonSetPrinter,
  deploymentPrinter,
  podDisruptionBudgetPrinter,
  podTemplatePrinter,
  replicaSetPrinter,
  replicationControllerPrinter,
  statefulSetPrinter,
} from './workloads.ts';

/** What kinds without columns of their own show, roles and CRDs among them. */
const plainPrinter = table([NAME, column('Created At', 'When the object was created.', 'date')], (object) => [
  object.metadata.name,
  object.metadata.creationTimestamp ?? '',
]);

const printers: ReadonlyMap<string, TablePrinter> = new Map([
  ['admissionregistration.k8s.io/v1 MutatingWebhookConfiguration', webhooksPrinter],
  ['admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy', validatingPolicyPrinter],
  ['admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding', policyBindingPrinter],
  ['admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration', webhooksPrinter],
  ['admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicy', mutatingPolicyPrinter],
  ['admissionregistration.k8s.io/v1beta1 MutatingAdmissionPolicyBinding', policyBindingPrinter],
  ['apiregistration.k8s.io/v1 APIService', apiServicePrinter],
  ['apps/v1 ControllerRevision', controllerRevisionPrinter],
  ['apps/v1 DaemonSet', daemonSetPrinter],
  ['apps/v1 Deployment', deploymentPrinter],
  ['apps/v1 ReplicaSet', replicaSetPrinter],
  ['apps/v1 StatefulSet', statefulSetPrinter],
  ['autoscaling/v1 HorizontalPodAutoscaler', horizontalPodAutoscalerPrinter],
  ['autoscaling/v2 HorizontalPodAutoscaler', horizontalPodAutoscalerPrinter],
  ['batch/v1 CronJob', cronJobPrinter],
  ['batch/v1 Job', jobPrinter],
  ['certificates.k8s.io/v1 CertificateSigningRequest', certificateSigningRequestPrinter],
  ['coordination.k8s.io/v1 Lease', leasePrinter],
  ['discovery.k8s.io/v1 EndpointSlice', endpointSlicePrinter],
  ['events.k8s.io/v1 Event', eventPrinter],
  ['flowcontrol.apiserver.k8s.io/v1 FlowSchema', flowSchemaPrinter],
  ['flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration', priorityLevelPrinter],
  ['networking.k8s.io/v1 IPAddress', ipAddressPrinter],
  ['networking.k8s.io/v1 Ingress', ingressPrinter],
  ['networking.k8s.io/v1 IngressClass', ingressClassPrinter],
  ['networking.k8s.io/v1 NetworkPolicy', networkPolicyPrinter],
  ['networking.k8s.io/v1 ServiceCIDR', serviceCidrPrinter],
  ['node.k8s.io/v1 RuntimeClass', runtimeClassPrinter],
  ['policy/v1 PodDisruptionBudget', podDisruptionBudgetPrinter],
  ['rbac.authorization.k8s.io/v1 ClusterRoleBinding', bindingPrinter],
  ['rbac.authorization.k8s.io/v1 RoleBinding', bindingPrinter],
  ['resource.k8s.io/v1 DeviceClass', namedPrinter],
  ['resource.k8s.io/v1 ResourceClaim', resourceClaimPrinter],
  ['resource.k8s.io/v1 ResourceClaimTemplate', namedPrinter],
  ['resource.k8s.io/v1 ResourceSlice', resourceSlicePrinter],
  ['scheduling.k8s.io/v1 PriorityClass', priorityClassPrinter],
  ['storage.k8s.io/v1 CSIDriver', csiDriverPrinter],
  ['storage.k8s.io/v1 CSINode', csiNodePrinter],
  ['storage.k8s.io/v1 StorageClass', storageClassPrinter],
  ['storage.k8s.io/v1 VolumeAttachment', volumeAttachmentPrinter],
  ['storage.k8s.io/v1 VolumeAttributesClass', volumeAttributesClassPrinter],
  ['v1 ComponentStatus', componentStatusPrinter],
  ['v1 ConfigMap', configMapPrinter],
  ['v1 Endpoints', endpointsPrinter],
  ['v1 Event', eventPrinter],
  ['v1 Namespace', namespacePrinter],
  ['v1 Node', nodePrinter],
  ['v1 PersistentVolume', persistentVolumePrinter],
  ['v1 PersistentVolumeClaim', persistentVolumeClaimPrinter],
  ['v1 Pod', podPrinter],
  ['v1 PodTemplate', podTemplatePrinter],
  ['v1 ReplicationController', replicationControllerPrinter],
  ['v1 ResourceQuota', resourceQuotaPrinter],
  ['v1 Secret', secretPrinter],
  ['v1 Service', servicePrinter],
  ['v1 ServiceAccount', serviceAccountPrinter],
]);

/** The columns that kubectl shows of a built-in kind, as kube-apiserver prints it; name and creation time for others. */
export function printerFor(group: string, version: string, kind: string): TablePrinter {
  return printers.get(`${apiVersionOf(group, version)} ${kind}`) ?? plainPrinter;
}
