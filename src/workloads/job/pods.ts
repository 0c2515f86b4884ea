import { isFinished, sidecarsOf } from '../pods.ts';
import type { ContainerStatus, Pod } from '../types.ts';
import type { JobSpec } from './types.ts';

/** Keeps a pod from being deleted until its job has counted it. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** Also the name of the label that says the same. */
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count';
export const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isFinished(pod);
}

/** Whether a pod that is being deleted is replaced only when it has ended. */
export function replacesOnlyFailed({ podReplacementPolicy, podFailurePolicy }: JobSpec): boolean {
  return podReplacementPolicy === 'Failed' || podFailurePolicy !== undefined;
}

/** A pod that is being deleted may never get to say that it failed, so it counts as if it had, unless the job waits for that. */
export function hasFailed(pod: Pod, spec: JobSpec): boolean {
  const phase = pod.status?.phase;
  return phase === 'Failed' || (!replacesOnlyFailed(spec) && isTerminating(pod));
}

/** The index that a pod of an Indexed job works on. */
export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\+?\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** How many pods of the same index have failed before this one. What anyone may have written instead counts as none. */
export function failureCountOf(pod: Pod): number {
  return countOf(pod, failureCountAnnotation);
}

export function ignoredCountOf(pod: Pod): number {
  return countOf(pod, ignoredCountAnnotation);
}

const INT32_MAX = 2 ** 31 - 1;

function countOf({ metadata }: Pod, annotation: string): number {
  const text = metadata.annotations?.[annotation] ?? '';
  const count = /^\+?\d{1,10}$/.test(text) ? Number(text) : 0;
  return count <= INT32_MAX ? count : 0;
}

/**
 * When a pod ended, in milliseconds since the epoch: the last of its containers, or else when it ceased to be ready, or when
 * it was deleted; when it was created if nothing is known.
 */
export function finishedAt(pod: Pod): number {
  const { metadata, status } = pod;
  const byContainers = containersFinishedAt(pod);
  if (byContainers !== undefined) return byContainers;
  const unready = status?.conditions?.find(({ type, status: is }) => type === 'Ready' && is === 'False');
  if (unready?.lastTransitionTime) return Date.parse(unready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata;
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}

/** Of the containers and the sidecars; undefined if one of them has not ended. */
function containersFinishedAt(pod: Pod): number | undefined {
  const { status } = pod;
  const names = new Set(sidecarsOf(pod).map(({ name }) => name));
  const statuses: ContainerStatus[] = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []).filter(({ name }) => names.has(name)),
  ];
  const ends = statuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  return ends.length === 0 || ends.some(Number.isNaN) ? undefined : Math.max(...ends);
}
