import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { controllerOf, type KubeObject, keyOf, objectKey } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { createExpectations } from '../expectations.ts';
import { ownerKeys } from '../owner-keys.ts';
import { jobs, pods } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Pod } from '../types.ts';
import { noBackoff } from './backoff.ts';
import { finishOf } from './conditions.ts';
import { isTracked, trackingFinalizer } from './pods.ts';
import { advanceJob, isManagedElsewhere } from './reconcile.ts';
import { createReleased, releasePod } from './release.ts';
import type { Tracker } from './track.ts';
import type { Job } from './types.ts';
import { uidOf, viewOf } from './view.ts';

/** Runs the pods of each Job to its completions, and keeps its status. */
export function jobController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const jobInformer = informers.for(jobs);
  const podInformer = informers.for(pods);
  addOrphanIndex(podInformer);
  const expectations = createExpectations();
  const released = createReleased();
  const recorder = context.recorder('job-controller');
  const tracker: Tracker = { client, recorder, expectations, released, backoffs: new Map() };
  /** Jobs (by uid) that have finished, which the cache does not show yet. */
  const finishing = new Set<string>();

  function forget(key: string): void {
    expectations.forget(key);
    released.forget(key);
    tracker.backoffs.delete(key);
  }

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const job = jobInformer.get(key) as Job | undefined;
    if (!job?.spec) {
      forget(key);
      return undefined;
    }
    const { uid = '' } = job.metadata;
    if (isManagedElsewhere(job)) return undefined;
    if (finishOf(job)) {
      forget(key);
      finishing.delete(uid);
      return undefined;
    }
    if (finishing.has(uid)) return undefined;
    // Both before the pods are read: whatever the cache learns from here on is already in them, or comes with the next round.
    const upToDate = expectations.satisfied(key);
    const gone = new Set(released.of(key));
    const owned = (await claimChildren({
      client,
      owner: job,
      ownerResource: jobs,
      children: podInformer,
      selector: selectorOf(job.spec.selector ?? {}),
      finalizer: trackingFinalizer,
    })) as Pod[];
    const backoff = tracker.backoffs.get(key) ?? noBackoff;
    const view = viewOf(job, job.spec, owned, { released: gone, backoff, now: Date.now() });
    const { finished, result } = await advanceJob(tracker, view, upToDate);
    if (finished) finishing.add(uid);
    return result;
  }

  const ownersOf = ownerKeys({
    informer: jobInformer,
    selects: (job, { metadata }) =>
      !finishOf(job as Job) && selectorOf((job as Job).spec?.selector ?? {}).matches(metadata.labels),
    expectations,
  });

  /** The jobs that a pod concerns; that the cache knows of its release is noted on the way. */
  function jobsOf(pod: KubeObject, change: { deleted: boolean; old?: KubeObject }): string[] {
    const keys = ownersOf(pod, change);
    if (change.deleted || !isTracked(pod as Pod)) {
      for (const key of keys) released.observed(key, uidOf(pod as Pod));
    }
    return keys;
  }

  return createController({
    name: 'job-controller',
    context,
    sources: [{ resource: jobs }, { resource: pods, keys: jobsOf }],
    reconcile,
    workers: 8,
  });
}

/** Lets go of the pods that no job is going to count: theirs has finished or gone, or they have none any more. */
export function jobOrphanController(context: PlatformContext): Controller {
  const jobInformer = context.informers.for(jobs);
  const podInformer = context.informers.for(pods);

  function isOrphaned(pod: KubeObject): boolean {
    if (!isTracked(pod as Pod)) return false;
    const owner = controllerOf(pod);
    if (!owner) return true;
    if (owner.kind !== 'Job' || owner.apiVersion !== 'batch/v1') return false;
    const job = jobInformer.get(objectKey(owner.name, pod.metadata.namespace)) as Job | undefined;
    if (job?.metadata.uid !== owner.uid) return true;
    return !isManagedElsewhere(job) && finishOf(job) !== undefined;
  }

  async function reconcile(key: string): Promise<undefined> {
    const pod = podInformer.get(key);
    if (pod && isOrphaned(pod)) await releasePod(context.client, pod as Pod);
  }

  return createController({
    name: 'job-orphan-controller',
    context,
    sources: [
      { resource: pods, keys: (pod, { deleted }) => (!deleted && isOrphaned(pod) ? [keyOf(pod)] : []) },
      {
        resource: jobs,
        keys: ({ metadata }) =>
          podInformer
            .byIndex('ownerUid', metadata.uid ?? '')
            .filter(isOrphaned)
            .map(keyOf),
      },
    ],
    reconcile,
  });
}
