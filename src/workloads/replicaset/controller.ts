import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import {
  controllerOf,
  type KubeObject,
  keyOf,
  type LabelSelector,
  objectKey,
  type Resource,
} from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { createExpectations } from '../expectations.ts';
import { isActive, nextAvailability } from '../pods.ts';
import { ignoringAbsence } from '../refusals.ts';
import { pods, replicaSets, replicationControllers } from '../resources.ts';
import { labelsSelectorOf, selectorOf } from '../selectors.ts';
import type { Pod, ReplicaSet, ReplicaSetSpec } from '../types.ts';
import { type Scaler, scalePods } from './scale.ts';
import { isSameStatus, replicaSetStatus } from './status.ts';

/** What differs between the kinds that keep a number of pods. */
interface ReplicaKind {
  resource: Resource;
  /** The name of the controller, also in Events. */
  name: string;
  selectorOf(spec: ReplicaSetSpec): LabelSelector;
}

/** Keeps as many pods of each ReplicaSet as it asks for, and its status. */
export function replicaSetController(context: PlatformContext): Controller {
  const of: ReplicaKind = {
    resource: replicaSets,
    name: 'replicaset-controller',
    selectorOf: ({ selector }) => selectorOf(selector),
  };
  return replicaController(context, of);
}

/** The same for each ReplicationController, whose selector is nothing but labels. */
export function replicationController(context: PlatformContext): Controller {
  const of: ReplicaKind = {
    resource: replicationControllers,
    name: 'replication-controller',
    selectorOf: ({ selector }) => labelsSelectorOf(selector as Record<string, string>),
  };
  return replicaController(context, of);
}

function replicaController(context: PlatformContext, of: ReplicaKind): Controller {
  const { client, informers } = context;
  const expectations = createExpectations();
  const setInformer = informers.for(of.resource);
  const podInformer = informers.for(pods);
  addOrphanIndex(podInformer);
  const scaler: Scaler = { client, recorder: context.recorder(of.name), expectations, related };

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
    const selector = of.selectorOf(set.spec);
    const claim = { client, owner: set, ownerResource: of.resource, children: podInformer, selector };
    const claimed = (await claimChildren(claim)) as Pod[];
    const active = claimed.filter(isActive);
    const failure = upToDate && !set.metadata.deletionTimestamp ? await scalePods(scaler, set, active) : undefined;
    const now = Date.now();
    const status = replicaSetStatus(set, active, failure, now);
    if (!isSameStatus(set.status, status)) {
      await ignoringAbsence(client.update(of.resource, { ...set, status }, { subresource: 'status' }));
    }
    if (failure) throw failure;
    return nextAvailability(active, set.spec.minReadySeconds ?? 0, now);
  }

  /** The ReplicaSets that a pod concerns; what it tells about our own writes is noted on the way. */
  function setsOf(pod: KubeObject, change: { deleted: boolean; old?: KubeObject }): string[] {
    const owner = controllerOf(pod);
    const previous = change.old && controllerOf(change.old);
    const keys: string[] = [];
    if (owner?.kind === of.resource.kind) {
      const key = objectKey(owner.name, pod.metadata.namespace);
      if (!change.deleted && !change.old) expectations.creationObserved(key);
      if (change.deleted || pod.metadata.deletionTimestamp) expectations.deletionObserved(key, pod.metadata.uid ?? '');
      keys.push(key);
    }
    if (previous?.kind === of.resource.kind && previous.uid !== owner?.uid) {
      keys.push(objectKey(previous.name, pod.metadata.namespace));
    }
    if (!owner && !change.deleted) keys.push(...setsSelecting(pod));
    return keys;
  }

  function setsSelecting(orphan: KubeObject): string[] {
    return (setInformer.list(orphan.metadata.namespace) as ReplicaSet[])
      .filter(({ spec }) => spec && of.selectorOf(spec).matches(orphan.metadata.labels))
      .map(keyOf);
  }

  return createController({
    name: of.name,
    context,
    sources: [{ resource: of.resource }, { resource: pods, keys: setsOf }],
    reconcile,
    workers: 8,
  });
}
