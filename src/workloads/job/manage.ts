import { intervalsOf, type KubeObject, keyOf, lowestAbsent, mergeIndexes } from '../../machinery/index.ts';
import { burst, changePods, deletePod, type ExpectingControl } from '../pod-control.ts';
import { isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import { waitOf, waitOfIndex } from './backoff.ts';
import { isTerminating, replacesOnlyFailed } from './pods.ts';
import { releasePod } from './release.ts';
import { podsToRemove } from './removal.ts';
import { indexedPod, jobPod } from './template.ts';
import { indexesAmong, type JobView, uidOf } from './view.ts';

export interface Managed {
  /** The first error; the rest is retried by the next reconcile. */
  failure?: Error | undefined;
  /** Milliseconds until pods that wait for their back-off may be created. */
  wait?: number;
}

/** Creates or deletes pods, never both at once, so that as many are active as the job wants now. */
export async function managePods(control: ExpectingControl, view: JobView): Promise<Managed> {
  const { spec, active, status } = view;
  if (spec.suspend) return removePods(control, view, podsToRemove(spec, active, active.length));
  const wanted = wantedPods(view);
  const excess = podsToRemove(spec, active, active.length - wanted).slice(0, burst);
  if (excess.length > 0) return removePods(control, view, excess);
  const ending = replacesOnlyFailed(spec) ? (status.terminating ?? 0) : 0;
  const missing = wanted - ending - active.length;
  return missing > 0 ? addPods(control, view, Math.min(missing, burst)) : {};
}

/** As many as may run at a time, but no more than are still to succeed. */
function wantedPods({ spec, active, succeeded }: JobView): number {
  const parallelism = spec.parallelism ?? 1;
  // Without a number of completions the first success ends the job: what runs goes on, nothing new is begun.
  if (spec.completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(spec.completions - succeeded, parallelism));
}

async function addPods(control: ExpectingControl, view: JobView, missing: number): Promise<Managed> {
  const { job, spec, indexes, now } = view;
  const perIndex = spec.backoffLimitPerIndex !== undefined;
  const wait = perIndex ? 0 : waitOf(view.backoff, now);
  if (wait > 0) return { wait };
  const common = jobPod(job, spec);
  if (!indexes) return create(control, view, Array(missing).fill(common));

  const pending = pendingIndexes(view, missing);
  const waits = new Map(pending.map((index) => [index, perIndex ? waitOfIndex(indexes.kept.get(index), now) : 0]));
  const due = pending.filter((index) => waits.get(index) === 0);
  if (due.length === 0) return pending.length > 0 ? { wait: Math.min(...waits.values()) } : {};
  // Those that still wait are looked at again when the cache shows the new pods.
  const pods = due.map((index) => indexedPod(common, job, spec, index, indexes.kept.get(index)));
  return create(control, view, pods);
}

/** The lowest indexes that nothing works on and that have not ended. */
function pendingIndexes({ spec, indexes, active, pods }: JobView, count: number): number[] {
  const busy = [indexes?.succeeded ?? [], indexes?.failed ?? [], indexesAmong(active)];
  if (replacesOnlyFailed(spec)) busy.push(indexesAmong(pods.filter(isTerminating)));
  return lowestAbsent(busy.reduce(mergeIndexes, intervalsOf([])), count, spec.completions ?? 0);
}

async function create(
  control: ExpectingControl,
  { job, status }: JobView,
  wanted: readonly KubeObject[],
): Promise<Managed> {
  const { created, failure } = await changePods(control, job, wanted, []);
  status.active = (status.active ?? 0) + created;
  return { failure };
}

/** Deletes pods that are not to count as failed: their job lets go of them first. */
async function removePods(control: ExpectingControl, view: JobView, doomed: readonly Pod[]): Promise<Managed> {
  if (doomed.length === 0) return {};
  const key = keyOf(view.job);
  control.expectations.expectChanges(key, 0, doomed.map(uidOf));
  const outcomes = await Promise.all(
    doomed.map(async (pod) => {
      const failure = await release(control, pod);
      const outcome = failure ?? (await deletePod(control, view.job, pod));
      if (outcome !== 'deleted') control.expectations.deletionObserved(key, uidOf(pod));
      return outcome;
    }),
  );
  return { failure: countRemoved(view, doomed, outcomes) };
}

async function release({ client }: ExpectingControl, pod: Pod): Promise<Error | undefined> {
  try {
    await releasePod(client, pod);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Deletes what is active of a job whose end is decided. Returns whether nothing of it is left active, or why not. */
export async function removeActive(control: ExpectingControl, view: JobView): Promise<boolean | Error> {
  const outcomes = await Promise.all(view.active.map((pod) => deletePod(control, view.job, pod)));
  return countRemoved(view, view.active, outcomes) ?? view.status.active === 0;
}

/** Takes what was deleted out of the active pods. Returns the first error. */
function countRemoved(
  { status }: JobView,
  pods: readonly Pod[],
  outcomes: readonly ('deleted' | 'gone' | Error)[],
): Error | undefined {
  const removed = pods.filter((_, index) => !(outcomes[index] instanceof Error));
  status.active = (status.active ?? 0) - removed.length;
  status.terminating = (status.terminating ?? 0) + removed.length;
  status.ready = (status.ready ?? 0) - removed.filter(isReady).length;
  return outcomes.find((outcome) => outcome instanceof Error);
}
