import type { Condition, KubeObject } from '../machinery/index.ts';
import { conditionOf, conditionsOf, listAt, numberAt, textAt } from './status.ts';

export type HealthStatus = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown';

export interface Health {
  status: HealthStatus;
  /** Why it is not healthy, in the words of the object's own status; empty when there is nothing to say. */
  message: string;
}

const health = (status: HealthStatus, message = ''): Health => ({ status, message });
const healthy = health('Healthy');

/** How an object is doing, from its own status: by its kind where that is built in, by its conditions otherwise. */
export function healthOf(object: KubeObject | undefined): Health {
  if (object === undefined) return health('Missing', 'it does not exist');
  if (object.metadata.deletionTimestamp) return deletionHealth(object);
  const observed = numberAt(object.status, ['observedGeneration']);
  if (observed !== undefined && observed < (object.metadata.generation ?? 0)) {
    return health('Progressing', 'its latest change has not been acted on yet');
  }
  if (observed === undefined && observing.has(object.kind)) {
    return health('Progressing', 'no controller has acted on it yet');
  }
  const group = object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '';
  const own = Object.hasOwn(kinds, `${group}/${object.kind}`) ? kinds[`${group}/${object.kind}`] : undefined;
  return own ? own(object) : conditionHealth(object);
}

function deletionHealth(object: KubeObject): Health {
  const finalizers = object.metadata.finalizers ?? [];
  return health(
    'Progressing',
    finalizers.length > 0 ? `being deleted, waits for ${finalizers.join(', ')}` : 'being deleted',
  );
}

/** Built-in kinds whose controllers say what they have seen: while nothing is said, nothing was done. */
const observing = new Set(['DaemonSet', 'PodDisruptionBudget', 'ReplicationController', 'StatefulSet']);

const kinds: Record<string, (object: KubeObject) => Health> = {
  '/Pod': podHealth,
  '/Service': serviceHealth,
  '/Namespace': (object) =>
    textAt(object.status, ['phase']) === 'Terminating' ? health('Progressing', 'being deleted') : healthy,
  '/PersistentVolumeClaim': claimHealth,
  'apps/Deployment': deploymentHealth,
  'apps/ReplicaSet': replicaSetHealth,
  'apps/StatefulSet': statefulSetHealth,
  'apps/DaemonSet': daemonSetHealth,
  'batch/Job': jobHealth,
  'autoscaling/HorizontalPodAutoscaler': autoscalerHealth,
  'batch/CronJob': cronJobHealth,
  'networking.k8s.io/Ingress': () => healthy,
  'apiextensions.k8s.io/CustomResourceDefinition': definitionHealth,
};

const failing = new Set([
  ...['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'CrashLoopBackOff'],
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'],
]);

function podHealth(pod: KubeObject): Health {
  const phase = textAt(pod.status, ['phase']);
  if (phase === 'Succeeded') return healthy;
  if (phase === 'Failed') return health('Degraded', textAt(pod.status, ['message']) ?? 'it failed');
  const containers = [...listAt(pod.status, ['initContainerStatuses']), ...listAt(pod.status, ['containerStatuses'])];
  for (const container of containers) {
    const reason = textAt(container, ['state', 'waiting', 'reason']);
    if (reason && failing.has(reason)) {
      return health('Degraded', textAt(container, ['state', 'waiting', 'message']) ?? reason);
    }
  }
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    return health('Degraded', scheduled.message ?? 'it cannot be scheduled');
  }
  if (conditionOf(pod, 'Ready')?.status === 'True') return healthy;
  return health('Progressing', phase === 'Running' ? 'its containers are not ready yet' : 'it is starting');
}

function serviceHealth(service: KubeObject): Health {
  if (textAt(service.spec, ['type']) !== 'LoadBalancer') return healthy;
  return listAt(service.status, ['loadBalancer', 'ingress']).length > 0
    ? healthy
    : health('Progressing', 'it has no load balancer address yet');
}

function claimHealth(claim: KubeObject): Health {
  const phase = textAt(claim.status, ['phase']);
  if (phase === 'Bound') return healthy;
  return phase === 'Lost'
    ? health('Degraded', 'its volume is lost')
    : health('Progressing', 'it is not bound to a volume yet');
}

function deploymentHealth(deployment: KubeObject): Health {
  if (deployment.spec?.['paused'] === true) return health('Suspended', 'its rollout is paused');
  const progressing = conditionOf(deployment, 'Progressing');
  const failure = conditionOf(deployment, 'ReplicaFailure');
  if (failure?.status === 'True') return health('Degraded', failure.message ?? 'its pods cannot be created');
  if (progressing?.status === 'False')
    return health('Degraded', progressing.message ?? 'its rollout makes no progress');
  const wanted = numberAt(deployment.spec, ['replicas']) ?? 1;
  const updated = numberAt(deployment.status, ['updatedReplicas']) ?? 0;
  const all = numberAt(deployment.status, ['replicas']) ?? 0;
  if (updated < wanted) return health('Progressing', `${updated} of ${wanted} replicas are of the latest version`);
  if (all > updated) return health('Progressing', `${all - updated} replicas of an older version are still there`);
  return replicasHealth(numberAt(deployment.status, ['availableReplicas']) ?? 0, wanted, 'available');
}

function replicasHealth(have: number, wanted: number, word: string): Health {
  return have >= wanted ? healthy : health('Progressing', `${have} of ${wanted} replicas are ${word}`);
}

function replicaSetHealth(set: KubeObject): Health {
  const failure = conditionOf(set, 'ReplicaFailure');
  if (failure?.status === 'True') return health('Degraded', failure.message ?? 'its pods cannot be created');
  return replicasHealth(
    numberAt(set.status, ['availableReplicas']) ?? 0,
    numberAt(set.spec, ['replicas']) ?? 1,
    'available',
  );
}

function statefulSetHealth(set: KubeObject): Health {
  return replicasHealth(numberAt(set.status, ['readyReplicas']) ?? 0, numberAt(set.spec, ['replicas']) ?? 1, 'ready');
}

function daemonSetHealth(set: KubeObject): Health {
  const wanted = numberAt(set.status, ['desiredNumberScheduled']) ?? 0;
  return replicasHealth(numberAt(set.status, ['numberReady']) ?? 0, wanted, 'ready');
}

function autoscalerHealth(autoscaler: KubeObject): Health {
  if (conditionsOf(autoscaler).length === 0) return health('Progressing', 'no controller has acted on it yet');
  const able = ['AbleToScale', 'ScalingActive'].map((type) => conditionOf(autoscaler, type));
  const unable = able.find((condition) => condition?.status === 'False');
  return unable ? health('Degraded', unable.message ?? 'it cannot scale') : healthy;
}

function cronJobHealth(cronJob: KubeObject): Health {
  if (cronJob.spec?.['suspend'] === true) return health('Suspended', 'suspended');
  const scheduled = textAt(cronJob.status, ['lastScheduleTime']);
  return scheduled === undefined ? health('Progressing', 'it has made no job yet') : healthy;
}

function jobHealth(job: KubeObject): Health {
  const failed = conditionOf(job, 'Failed');
  if (failed?.status === 'True') return health('Degraded', failed.message ?? 'it failed');
  if (job.spec?.['suspend'] === true) return health('Suspended', 'suspended');
  if (conditionOf(job, 'Complete')?.status === 'True') return healthy;
  const started = textAt(job.status, ['startTime']) !== undefined;
  return health('Progressing', started ? 'it is still running' : 'no controller has started it yet');
}

function definitionHealth(crd: KubeObject): Health {
  const names = conditionOf(crd, 'NamesAccepted');
  if (names?.status === 'False') return health('Degraded', names.message ?? 'its names are taken');
  return conditionOf(crd, 'Established')?.status === 'True' ? healthy : health('Progressing', 'it is not served yet');
}

/** The conditions that speak for an object as a whole, the most telling first. */
const summaries = ['Ready', 'Healthy', 'Available', 'Synced', 'Established'];

/** Health of a kind that nothing else is known about: kro instances, Crossplane resources, any custom resource. */
function conditionHealth(object: KubeObject): Health {
  const conditions = conditionsOf(object);
  const failed = conditions.find((condition) => condition.type === 'Synced' && condition.status === 'False');
  const summary =
    failed ?? summaries.flatMap((type) => conditions.find((condition) => condition.type === type) ?? [])[0];
  const state = textAt(object.status, ['state']);
  // What an instance is told about a fault counts even while an older version of what it composed still serves.
  const told = conditions.find((condition) => condition.type === 'Developer' && condition.status === 'False');
  if (told) return health('Degraded', told.message ?? '');
  if (summary === undefined) {
    if (state === 'ERROR') return health('Degraded', 'it reports an error');
    return state === 'IN_PROGRESS' ? health('Progressing', 'it is not finished yet') : healthy;
  }
  if (summary.status === 'True') return healthy;
  return health(isProgress(summary, state) ? 'Progressing' : 'Degraded', summary.message ?? summary.reason ?? '');
}

const progressReasons = /progress|creating|pending|waiting|notready|installing|reconciling/i;

function isProgress(condition: Condition, state: string | undefined): boolean {
  if (state === 'IN_PROGRESS' || state === 'DELETING' || condition.status === 'Unknown') return true;
  return state !== 'ERROR' && state !== 'Inactive' && progressReasons.test(condition.reason ?? '');
}
