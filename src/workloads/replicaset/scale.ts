import { keyOf } from '../../machinery/index.ts';
import type { Expectations } from '../expectations.ts';
import { burst, createPods, deletePod, type PodControl, podFrom } from '../pod-control.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import { podsToDelete } from './ranking.ts';

export interface Scaler extends PodControl {
  expectations: Expectations;
  /** The active pods of all ReplicaSets that have the same owner. */
  related(set: ReplicaSet): Pod[];
}

/**
 * Creates or deletes pods until there are as many as the set asks for.
 * @returns the first error, if any; the rest is retried by the next reconcile.
 */
export async function scalePods(scaler: Scaler, set: ReplicaSet, active: readonly Pod[]): Promise<Error | undefined> {
  const missing = (set.spec?.replicas ?? 1) - active.length;
  if (missing > 0) return addPods(scaler, set, Math.min(missing, burst));
  if (missing < 0) return deletePods(scaler, set, podsToDelete(active, scaler.related(set), Math.min(-missing, burst)));
  return undefined;
}

async function addPods(scaler: Scaler, set: ReplicaSet, count: number): Promise<Error | undefined> {
  const key = keyOf(set);
  scaler.expectations.expectCreations(key, count);
  const pod = podFrom(set, set.spec?.template);
  const { created, failure } = await createPods(scaler, set, Array(count).fill(pod));
  scaler.expectations.creationObserved(key, count - created);
  return failure;
}

async function deletePods(scaler: Scaler, set: ReplicaSet, doomed: readonly Pod[]): Promise<Error | undefined> {
  const key = keyOf(set);
  const uids = doomed.map(({ metadata }) => metadata.uid ?? '');
  scaler.expectations.expectDeletions(key, uids);
  const results = await Promise.all(doomed.map((pod) => remove(scaler, set, key, pod)));
  return results.find((result) => result !== undefined);
}

async function remove(scaler: Scaler, set: ReplicaSet, key: string, pod: Pod): Promise<Error | undefined> {
  const outcome = await deletePod(scaler, set, pod);
  // The informer will not see this deletion.
  if (outcome !== 'deleted') scaler.expectations.deletionObserved(key, pod.metadata.uid ?? '');
  return outcome instanceof Error ? outcome : undefined;
}
