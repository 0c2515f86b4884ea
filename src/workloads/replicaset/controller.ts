import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { controllerOf, type KubeObject, keyOf, objectKey } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { availableIn, isActive } from '../pods.ts';
import { ignoringAbsence } from '../refusals.ts';
import { pods, replicaSets } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Pod, ReplicaSet } from '../types.ts';
import { createExpectations } from './expectations.ts';
import { type Scaler, scalePods } from './scale.ts';
import { isSameStatus, replicaSetStatus } from './status.ts';

/** Keeps as many pods of each ReplicaSet as it asks for, and its status. */
export function replicaSetController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const expectations = createExpectations();
  const setInformer = informers.for(replicaSets);
  const podInformer = informers.for(pods);
  addOrphanIndex(podInformer);
  const scaler: Scaler = { client, recorder: context.recorder('replicaset-controller'), expectations, related };

  function related(set: ReplicaSet): Pod[] {
    const owner = controllerOf(set);
    const siblings = owner ? setInformer.byIndex('ownerUid', owner.uid) : [set];
    return siblings
      .flatMap((sibling) => podInformer.byIndex('ownerUid', sibling.metadata.uid ?? ''))
      .filter((pod) => isActive(pod as Pod)) as Pod[];
  }

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = setInformer.get(key) as ReplicaSet | undefined;
    if (!set?.spec) {
      expectations.forget(key);
      return undefined;
    }
    const upToDate = expectations.satisfied(key);
    const selector = selectorOf(set.spec.selector);
    const claim = { client, owner: set, ownerResource: replicaSets, children: podInformer, selector };
    const claimed = (await claimChildren(claim)) as Pod[];
    const active = claimed.filter(isActive);
    const failure = upToDate && !set.metadata.deletionTimestamp ? await scalePods(scaler, set, active) : undefined;
    const now = Date.now();
    const status = replicaSetStatus(set, active, failure, now);
    if (!isSameStatus(set.status, status)) {
      await ignoringAbsence(client.update(replicaSets, { ...set, status }, { subresource: 'status' }));
    }
    if (failure) throw failure;
    return nextAvailability(active, set.spec.minReadySeconds ?? 0, now);
  }

  /** The ReplicaSets that a pod concerns; what it tells about our own writes is noted on the way. */
  function setsOf(pod: KubeObject, change: { deleted: boolean; old?: KubeObject }): string[] {
    const owner = controllerOf(pod);
    const previous = change.old && controllerOf(change.old);
    const keys: string[] = [];
    if (owner?.kind === 'ReplicaSet') {
      const key = objectKey(owner.name, pod.metadata.namespace);
      if (!change.deleted && !change.old) expectations.creationObserved(key);
      if (change.deleted || pod.metadata.deletionTimestamp) expectations.deletionObserved(key, pod.metadata.uid ?? '');
      keys.push(key);
    }
    if (previous?.kind === 'ReplicaSet' && previous.uid !== owner?.uid) {
      keys.push(objectKey(previous.name, pod.metadata.namespace));
    }
    if (!owner && !change.deleted) keys.push(...setsSelecting(pod));
    return keys;
  }

  function setsSelecting(orphan: KubeObject): string[] {
    return (setInformer.list(orphan.metadata.namespace) as ReplicaSet[])
      .filter(({ spec }) => spec && selectorOf(spec.selector).matches(orphan.metadata.labels))
      .map(keyOf);
  }

  return createController({
    name: 'replicaset-controller',
    context,
    sources: [{ resource: replicaSets }, { resource: pods, keys: setsOf }],
    reconcile,
    workers: 8,
  });
}

/** Comes back when the next ready pod will have been ready for long enough to count as available. */
function nextAvailability(active: readonly Pod[], minReadySeconds: number, now: number): ReconcileResult | undefined {
  const waits = active.map((pod) => availableIn(pod, minReadySeconds, now) ?? 0).filter((wait) => wait > 0);
  return waits.length > 0 ? { requeueAfter: Math.min(...waits) } : undefined;
}
