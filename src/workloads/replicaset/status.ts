import { type Condition, timestamp } from '../../machinery/index.ts';
import { availableIn, isReady } from '../pods.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../types.ts';

/** What the status of a ReplicaSet should be, from its active pods and the error of the last attempt to change them. */
export function replicaSetStatus(
  set: ReplicaSet,
  active: readonly Pod[],
  failure: Error | undefined,
  now: number,
): ReplicaSetStatus {
  const templateLabels = Object.entries(set.spec?.template.metadata?.labels ?? {});
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const fullyLabeled = active.filter(({ metadata }) =>
    templateLabels.every(([name, value]) => metadata.labels?.[name] === value),
  );
  const available = active.filter((pod) => availableIn(pod, minReadySeconds, now) === 0);
  const conditions = failureConditions(set, active.length, failure);
  return {
    replicas: active.length,
    fullyLabeledReplicas: fullyLabeled.length || undefined,
    readyReplicas: active.filter(isReady).length || undefined,
    availableReplicas: available.length || undefined,
    observedGeneration: set.metadata.generation,
    conditions: conditions.length > 0 ? conditions : undefined,
  };
}

/** A failure is reported once: a repeat does not change the condition that is there. */
function failureConditions(set: ReplicaSet, active: number, failure: Error | undefined): Condition[] {
  const conditions = set.status?.conditions ?? [];
  const others = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  if (!failure) return others;
  if (others.length < conditions.length) return conditions;
  const reason = active < (set.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete';
  const { message } = failure;
  return [...others, { type: 'ReplicaFailure', status: 'True', reason, message, lastTransitionTime: timestamp() }];
}
