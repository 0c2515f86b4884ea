import type { KindStrategy } from '../contracts.ts';
import { validatingBindingStrategy, validatingPolicyStrategy } from './admission-policy.ts';
import { controllerRevisionStrategy } from './apps/controller-revision.ts';
import { daemonSetStrategy } from './apps/daemon-set.ts';
import { deploymentStrategy } from './apps/deployment.ts';
import { replicaSetStrategy } from './apps/replica-set.ts';
import { statefulSetStrategy } from './apps/stateful-set.ts';
import { horizontalPodAutoscalerStrategy } from './autoscaling/horizontal-pod-autoscaler.ts';
import { cronJobStrategy } from './batch/cron-job.ts';
import { jobStrategy } from './batch/job.ts';
import { configMapStrategy, secretStrategy } from './config.ts';
import { endpointSliceStrategy } from './endpoint-slice.ts';
import { eventStrategy } from './event.ts';
import { ingressStrategy } from './ingress.ts';
import { leaseStrategy } from './lease.ts';
import { mutatingBindingStrategy, mutatingPolicyStrategy } from './mutating-policy.ts';
import { namespaceStrategy } from './namespace.ts';
import { podStrategy } from './pod/pod.ts';
import { podTemplateStrategy } from './pod/pod-template.ts';
import { podDisruptionBudgetStrategy } from './policy/pod-disruption-budget.ts';
import { priorityClassStrategy } from './priority-class.ts';
import { clusterRoleBindingStrategy, clusterRoleStrategy, roleBindingStrategy, roleStrategy } from './rbac.ts';
import { replicationControllerStrategy } from './replication-controller.ts';
import { serviceStrategy } from './service.ts';
import { mutatingWebhooksStrategy, validatingWebhooksStrategy } from './webhook-configuration.ts';

const strategies: ReadonlyMap<string, KindStrategy> = new Map([
  ['/ConfigMap', configMapStrategy],
  ['/Event', eventStrategy],
  ['/Namespace', namespaceStrategy],
  ['/Pod', podStrategy],
  ['/PodTemplate', podTemplateStrategy],
  ['/ReplicationController', replicationControllerStrategy],
  ['/Secret', secretStrategy],
  ['/Service', serviceStrategy],
  ['admissionregistration.k8s.io/MutatingAdmissionPolicy', mutatingPolicyStrategy],
  ['admissionregistration.k8s.io/MutatingAdmissionPolicyBinding', mutatingBindingStrategy],
  ['admissionregistration.k8s.io/ValidatingAdmissionPolicy', validatingPolicyStrategy],
  ['admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding', validatingBindingStrategy],
  ['admissionregistration.k8s.io/MutatingWebhookConfiguration', mutatingWebhooksStrategy],
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', validatingWebhooksStrategy],
  ['apps/ControllerRevision', controllerRevisionStrategy],
  ['apps/DaemonSet', daemonSetStrategy],
  ['apps/Deployment', deploymentStrategy],
  ['apps/ReplicaSet', replicaSetStrategy],
  ['apps/StatefulSet', statefulSetStrategy],
  ['autoscaling/HorizontalPodAutoscaler', horizontalPodAutoscalerStrategy],
  ['batch/CronJob', cronJobStrategy],
  ['batch/Job', jobStrategy],
  ['coordination.k8s.io/Lease', leaseStrategy],
  ['discovery.k8s.io/EndpointSlice', endpointSliceStrategy],
  ['networking.k8s.io/Ingress', ingressStrategy],
  ['policy/PodDisruptionBudget', podDisruptionBudgetStrategy],
  ['rbac.authorization.k8s.io/ClusterRole', clusterRoleStrategy],
  ['rbac.authorization.k8s.io/ClusterRoleBinding', clusterRoleBindingStrategy],
  ['rbac.authorization.k8s.io/Role', roleStrategy],
  ['rbac.authorization.k8s.io/RoleBinding', roleBindingStrategy],
  ['scheduling.k8s.io/PriorityClass', priorityClassStrategy],
]);

/**
 * The strategy of a built-in kind: its defaults, what it checks beyond its schema and its metadata, and what it sets
 * on create and keeps on update. undefined for a kind that has nothing of its own.
 */
export function strategyFor(group: string, kind: string): KindStrategy | undefined {
  return strategies.get(`${group}/${kind}`);
}
