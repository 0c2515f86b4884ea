import { availableIn } from '../pods.ts';
import type { Pod } from '../types.ts';
import { revisionOf } from './identity.ts';
import { isRunningAndReady, type Members } from './members.ts';
import type { StatefulSet, StatefulSetStatus } from './types.ts';

/**
 * What the status of a set should be.
 * @param replaced a member that was deleted just now in favour of the next revision.
 */
export function statefulSetStatus(
  members: Members,
  pods: readonly Pod[],
  collisionCount: number,
  replaced: Pod | undefined,
): StatefulSetStatus {
  const { set, current, update, now } = members;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const ready = pods.filter(isRunningAndReady);
  const staying = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas: ready.length,
    currentReplicas: staying.filter((pod) => pod !== replaced && revisionOf(pod) === current.name).length,
    updatedReplicas: staying.filter((pod) => revisionOf(pod) === update.name).length,
    availableReplicas: ready.filter((pod) => availableIn(pod, minReadySeconds, now) === 0).length,
    currentRevision: current.name,
    updateRevision: update.name,
    collisionCount,
  };
  return isComplete(set, status)
    ? { ...status, currentRevision: update.name, currentReplicas: status.updatedReplicas }
    : status;
}

/** A rolling update is over when every member is of the new revision and ready: from then on that is the current one. */
function isComplete({ spec }: StatefulSet, { updatedReplicas, readyReplicas, replicas }: StatefulSetStatus): boolean {
  const wanted = spec?.replicas ?? 1;
  const rolling = spec?.updateStrategy?.type !== 'OnDelete';
  return rolling && updatedReplicas === wanted && readyReplicas === wanted && replicas === wanted;
}
