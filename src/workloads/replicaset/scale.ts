import { burst, changePods, type ExpectingControl, podFrom } from '../pod-control.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import { podsToDelete } from './ranking.ts';

export interface Scaler extends ExpectingControl {
  /** The active pods of all ReplicaSets that have the same owner. */
  related(set: ReplicaSet): Pod[];
}

/**
 * Creates or deletes pods until there are as many as the set asks for.
 * @returns the first error, if any; the rest is retried by the next reconcile.
 */
export async function scalePods(scaler: Scaler, set: ReplicaSet, active: readonly Pod[]): Promise<Error | undefined> {
  const missing = (set.spec?.replicas ?? 1) - active.length;
  if (missing === 0) return undefined;
  const count = Math.min(Math.abs(missing), burst);
  const { failure } =
    missing > 0
      ? await changePods(scaler, set, Array(count).fill(podFrom(set, set.spec?.template)), [])
      : await changePods(scaler, set, [], podsToDelete(active, scaler.related(set), count));
  return failure;
}
