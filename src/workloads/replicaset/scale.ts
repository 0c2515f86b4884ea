import type { Client, EventRecorder } from '../../client/index.ts';
import { isReason, type KubeObject, keyOf, type ObjectMeta, ownerReferenceTo } from '../../machinery/index.ts';
import { isNamespaceTerminating } from '../refusals.ts';
import { pods } from '../resources.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import type { Expectations } from './expectations.ts';
import { podsToDelete } from './ranking.ts';

/** Most pods created or deleted in one reconcile. */
const burst = 500;

export interface Scaler {
  client: Client;
  recorder: EventRecorder;
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
  if (missing > 0) return createPods(scaler, set, Math.min(missing, burst));
  if (missing < 0) return deletePods(scaler, set, podsToDelete(active, scaler.related(set), Math.min(-missing, burst)));
  return undefined;
}

/** Creates in batches of 1, 2, 4, …: if the first pod is refused, hundreds are not tried in vain. */
async function createPods(scaler: Scaler, set: ReplicaSet, count: number): Promise<Error | undefined> {
  const key = keyOf(set);
  const template = podFrom(set);
  scaler.expectations.expectCreations(key, count);
  let created = 0;
  let failure: Error | undefined;
  for (let batch = 1; created < count && !failure; batch *= 2) {
    const size = Math.min(batch, count - created);
    const results = await Promise.all(Array.from({ length: size }, () => createPod(scaler, set, template)));
    const errors = results.filter((result) => result !== undefined);
    created += size - errors.length;
    failure = errors[0];
  }
  scaler.expectations.creationObserved(key, count - created);
  return failure && isNamespaceTerminating(failure) ? undefined : failure;
}

async function createPod(scaler: Scaler, set: ReplicaSet, pod: KubeObject): Promise<Error | undefined> {
  try {
    const { metadata } = await scaler.client.create(pods, pod);
    scaler.recorder.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${metadata.name}`);
    return undefined;
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (!isNamespaceTerminating(failure)) {
      scaler.recorder.event(set, 'Warning', 'FailedCreate', `Error creating: ${failure.message}`);
    }
    return failure;
  }
}

async function deletePods(scaler: Scaler, set: ReplicaSet, doomed: readonly Pod[]): Promise<Error | undefined> {
  const key = keyOf(set);
  const uids = doomed.map(({ metadata }) => metadata.uid ?? '');
  scaler.expectations.expectDeletions(key, uids);
  const results = await Promise.all(doomed.map((pod) => deletePod(scaler, set, key, pod)));
  return results.find((result) => result !== undefined);
}

async function deletePod(scaler: Scaler, set: ReplicaSet, key: string, pod: Pod): Promise<Error | undefined> {
  const { name, uid = '' } = pod.metadata;
  try {
    await scaler.client.delete(pods, pod.metadata, { uid });
    scaler.recorder.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return undefined;
  } catch (error) {
    // The informer will not see this deletion.
    scaler.expectations.deletionObserved(key, uid);
    if (isReason(error, 'NotFound')) return undefined;
    const failure = error instanceof Error ? error : new Error(String(error));
    scaler.recorder.event(set, 'Warning', 'FailedDelete', `Error deleting: ${failure.message}`);
    return failure;
  }
}

/** The pod that the set's template describes; the server gives it a name. */
export function podFrom(set: ReplicaSet): KubeObject {
  const { metadata = {}, spec } = set.spec?.template ?? {};
  const { labels, annotations, finalizers } = metadata;
  const owned: Partial<ObjectMeta> = {
    generateName: `${set.metadata.name}-`,
    namespace: set.metadata.namespace,
    labels,
    annotations,
    finalizers,
    ownerReferences: [ownerReferenceTo(set)],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata: owned as ObjectMeta, spec };
}
