import {
  type Controller,
  createController,
  type Informer,
  type PlatformContext,
  type ReconcileResult,
} from '../../client/index.ts';
import { controllerOf, type KubeObject, objectKey } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { ownerKeys } from '../owner-keys.ts';
import { isFinished } from '../pods.ts';
import { deployments, pods, replicaSets } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Deployment, DeploymentSpec, Pod, ReplicaSet } from '../types.ts';
import { advance, type OldPods } from './rollout.ts';
import type { Rollout } from './status.ts';
import { strategyOf } from './strategy.ts';
import type { Writer } from './sync.ts';
import { findNewSet } from './template.ts';

/** Rolls each Deployment's template out over its ReplicaSets, and keeps its status. */
export function deploymentController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const deploymentInformer = informers.for(deployments);
  const setInformer = informers.for(replicaSets);
  const podInformer = informers.for(pods);
  addOrphanIndex(setInformer);
  const writer: Writer = { client, recorder: context.recorder('deployment-controller') };
  const oldPods: OldPods = (set) =>
    (podInformer.byIndex('ownerUid', set.metadata.uid ?? '') as Pod[]).some((pod) => !isFinished(pod));

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = deploymentInformer.get(key) as Deployment | undefined;
    if (!deployment?.spec) return undefined;
    const selector = selectorOf(deployment.spec.selector);
    if (selector.empty) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.';
      writer.recorder.event(deployment, 'Warning', 'SelectingAll', message);
      return undefined;
    }
    const claim = { client, owner: deployment, ownerResource: deployments, children: setInformer, selector };
    const sets = (await claimChildren(claim)) as ReplicaSet[];
    return advance(writer, rolloutOf(deployment, sets), oldPods);
  }

  const deploymentsOf = ownerKeys({
    informer: deploymentInformer,
    selects: ({ spec }, { metadata }) => selectorOf((spec as DeploymentSpec).selector).matches(metadata.labels),
  });

  return createController({
    name: 'deployment-controller',
    context,
    sources: [
      { resource: deployments },
      { resource: replicaSets, keys: deploymentsOf },
      { resource: pods, keys: (pod, change) => recreatedBy(deploymentInformer, setInformer, pod, change.deleted) },
    ],
    reconcile,
    workers: 8,
  });
}

function rolloutOf(deployment: Deployment, sets: readonly ReplicaSet[]): Rollout {
  const newSet = deployment.spec && findNewSet(deployment.spec.template, sets);
  return {
    // A copy of our own: the revision of later writes is noted on it.
    deployment: { ...deployment },
    strategy: strategyOf(deployment),
    newSet,
    oldSets: sets.filter((set) => set !== newSet),
    conditions: deployment.status?.conditions ?? [],
    collisionCount: deployment.status?.collisionCount,
  };
}

/** A deployment with the strategy Recreate waits until the old pods have gone: the last of them wakes it. */
function recreatedBy(informer: Informer, sets: Informer, pod: KubeObject, deleted: boolean): string[] {
  const owner = controllerOf(pod);
  if (!deleted || owner?.kind !== 'ReplicaSet') return [];
  const set = sets.get(objectKey(owner.name, pod.metadata.namespace));
  const key = set && objectKey(controllerOf(set)?.name ?? '', pod.metadata.namespace);
  const deployment = key ? (informer.get(key) as Deployment | undefined) : undefined;
  return key && deployment?.spec?.strategy?.type === 'Recreate' ? [key] : [];
}
