import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { controllerOf, type LabelSelector, type Resource } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { createExpectations } from '../expectations.ts';
import { ownerKeys } from '../owner-keys.ts';
import { isActive, nextAvailability } from '../pods.ts';
import { pods, replicaSets, replicationControllers } from '../resources.ts';
import { labelsSelectorOf, selectorOf } from '../selectors.ts';
import type { Pod, ReplicaSet, ReplicaSetSpec } from '../types.ts';
import { updateStatus } from '../update-status.ts';
import { type Scaler, scalePods } from './scale.ts';
import { replicaSetStatus } from './status.ts';

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
    await updateStatus(client, of.resource, set, replicaSetStatus(set, active, failure, now));
    if (failure) throw failure;
    return nextAvailability(active, set.spec.minReadySeconds ?? 0, now);
  }

  const setsOf = ownerKeys({
    informer: setInformer,
    selects: ({ spec }, { metadata }) => of.selectorOf(spec as ReplicaSetSpec).matches(metadata.labels),
    expectations,
  });

  return createController({
    name: of.name,
    context,
    sources: [{ resource: of.resource }, { resource: pods, keys: setsOf }],
    reconcile,
    workers: 8,
  });
}
