import {
  countIndexes,
  equalJson,
  formatIndexes,
  hasIndex,
  intervalsOf,
  keyOf,
  mergeIndexes,
  timestamp,
} from '../../machinery/index.ts';
import type { ExpectingControl } from '../pod-control.ts';
import { jobs } from '../resources.ts';
import type { Pod } from '../types.ts';
import type { Backoff } from './backoff.ts';
import { announcements, newCondition, trueCondition, type Verdict, withStated } from './conditions.ts';
import { hasFailed, indexOf, isTracked } from './pods.ts';
import { matchFailure } from './policies.ts';
import { type Released, releasePod } from './release.ts';
import type { Job, JobStatus } from './types.ts';
import { hasPlace, type JobView, uidOf } from './view.ts';

/** Most pods that are counted in one reconcile: their uids stay some 20 KB then. */
const MAX_UNCOUNTED = 500;

export interface Tracker extends ExpectingControl {
  released: Released;
  backoffs: Map<string, Backoff>;
}

/**
 * Counts the pods that have ended, each exactly once whatever is interrupted (KEP-2307): first their uids are written into
 * the status, then their finalizers go, then the uids turn into counts. A verdict is announced with the first of these
 * writes and takes effect with the last, once no pod is left that runs or is to be counted.
 * @returns whether the job has finished.
 */
export async function trackPods(tracker: Tracker, view: JobView, verdict: Verdict | undefined): Promise<boolean> {
  const { status } = view;
  const key = keyOf(view.job);
  const tracked = view.pods.filter((pod) => isTracked(pod) && !view.released.has(uidOf(pod)));
  const left = new Set(tracked.map(uidOf));
  countReleased(status, left);
  const { ended, all } = noteEnded(view, tracked, verdict);
  if (verdict) announce(status, verdict);
  await store(tracker, view);
  tracker.backoffs.set(key, view.backoff);

  const failure = await release(tracker, key, ended, left);
  countReleased(status, left);
  const finished = !failure && all && verdict !== undefined && finish(view, verdict);
  await store(tracker, view);
  if (failure) throw failure;
  return finished;
}

/** Turns the uids of pods that are tracked no more into counts. */
function countReleased(status: JobStatus, left: ReadonlySet<string>): void {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const still = {
    succeeded: succeeded.filter((uid) => left.has(uid)),
    failed: failed.filter((uid) => left.has(uid)),
  };
  status.succeeded = (status.succeeded ?? 0) + succeeded.length - still.succeeded.length;
  status.failed = (status.failed ?? 0) + failed.length - still.failed.length;
  status.uncountedTerminatedPods = still;
}

/** Writes down which pods have ended. Returns these, and whether they were all: there may be too many for one status. */
function noteEnded(
  view: JobView,
  tracked: readonly Pod[],
  verdict: Verdict | undefined,
): { ended: Pod[]; all: boolean } {
  const { indexes, status } = view;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const known = new Set([...succeeded, ...failed]);
  const newIndexes: number[] = [];
  const ended: Pod[] = [];
  let all = true;
  const inOrder = indexes ? tracked.toSorted((a, b) => (indexOf(a) ?? -1) - (indexOf(b) ?? -1)) : tracked;
  for (const pod of inOrder) {
    if (!mayRelease(view, pod, verdict)) continue;
    ended.push(pod);
    const outcome = known.has(uidOf(pod)) ? undefined : outcomeOf(view, pod, verdict);
    if (outcome === 'failed') failed.push(uidOf(pod));
    else if (outcome === 'succeeded' && !indexes) succeeded.push(uidOf(pod));
    else if (outcome === 'succeeded') noteIndex(view, pod, newIndexes);
    if (newIndexes.length + succeeded.length + failed.length >= MAX_UNCOUNTED) {
      all = false;
      break;
    }
  }
  if (indexes) writeIndexes(view, newIndexes);
  return { ended, all };
}

/** A pod may go once it has ended or the job has, unless its successor is yet to inherit its count of failures. */
function mayRelease({ job, spec, indexes }: JobView, pod: Pod, verdict: Verdict | undefined): boolean {
  if (job.metadata.deletionTimestamp || verdict || pod.status?.phase === 'Succeeded') return true;
  if (!hasFailed(pod, spec)) return false;
  const index = indexOf(pod);
  return index === undefined || indexes?.kept.get(index)?.metadata.uid !== pod.metadata.uid;
}

/** How a pod counts. What still runs when a job fails has failed with it. */
function outcomeOf({ spec }: JobView, pod: Pod, verdict: Verdict | undefined): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (!hasFailed(pod, spec) && verdict?.outcome !== 'Failed') return undefined;
  return hasPlace(pod, spec) && matchFailure(spec, pod).counts ? 'failed' : undefined;
}

function noteIndex({ spec, indexes }: JobView, pod: Pod, newIndexes: number[]): void {
  const index = indexOf(pod);
  if (index !== undefined && hasPlace(pod, spec) && !hasIndex(indexes?.counted ?? [], index)) newIndexes.push(index);
}

function writeIndexes({ indexes, status }: JobView, newIndexes: readonly number[]): void {
  if (!indexes) return;
  const succeeded = mergeIndexes(indexes.succeeded, intervalsOf(newIndexes));
  status.succeeded = countIndexes(succeeded);
  status.completedIndexes = formatIndexes(succeeded);
  if (indexes.failed) status.failedIndexes = formatIndexes(indexes.failed);
  else delete status.failedIndexes;
}

function announce(status: JobStatus, { outcome, reason, message }: Verdict): void {
  const type = announcements[outcome];
  const conditions = status.conditions ?? [];
  if (trueCondition(conditions, type)) return;
  status.conditions = [...conditions, newCondition({ type, status: 'True', reason, message })];
}

/** Lets the pods go. Returns the first error; those that went all the same are taken out of `left`. */
async function release(
  { client, released }: Tracker,
  key: string,
  pods: readonly Pod[],
  left: Set<string>,
): Promise<Error | undefined> {
  released.add(key, pods.map(uidOf));
  const errors = await Promise.all(
    pods.map(async (pod) => {
      try {
        await releasePod(client, pod);
        left.delete(uidOf(pod));
        return undefined;
      } catch (error) {
        released.observed(key, uidOf(pod));
        return error instanceof Error ? error : new Error(String(error));
      }
    }),
  );
  return errors.find((error) => error !== undefined);
}

/** Lets the verdict take effect, if nothing stands in the way any more. */
function finish({ spec, status }: JobView, { outcome, reason, message }: Verdict): boolean {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length + (status.terminating ?? 0) > 0) return false;
  const conditions = status.conditions ?? [];
  status.conditions = withStated(conditions, { type: outcome, status: 'True', reason, message }) ?? conditions;
  // One that was suspended meanwhile has no start any more, but only one that had nothing to do may end without.
  if (spec.completions !== 0) status.startTime ??= timestamp();
  if (outcome === 'Complete') status.completionTime = timestamp();
  return true;
}

/** Writes the status if it differs from what is stored. */
async function store({ client }: Tracker, view: JobView): Promise<void> {
  const status = withoutZeros(view.status);
  if (equalJson(withoutZeros(view.job.status ?? {}), status)) return;
  view.job = (await client.update(jobs, { ...view.job, status }, { subresource: 'status' })) as Job;
}

/** What upstream's JSON leaves out when it is zero or empty; counts that were not always there are written all the same. */
function withoutZeros({ uncountedTerminatedPods, ...status }: JobStatus): JobStatus {
  const optional = ['active', 'succeeded', 'failed', 'completedIndexes'];
  const fields = Object.entries(status).filter(
    ([name, value]) => value || (value !== undefined && !optional.includes(name)),
  );
  if (!uncountedTerminatedPods) return Object.fromEntries(fields);
  const uids = Object.entries(uncountedTerminatedPods).filter(([, list]) => list && list.length > 0);
  return { ...Object.fromEntries(fields), uncountedTerminatedPods: Object.fromEntries(uids) };
}
