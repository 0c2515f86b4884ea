import { countIndexes, hasIndex, type Interval, intervalsOf, mergeIndexes, timestamp } from '../../machinery/index.ts';
import { isActive, isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import { advanceBackoff, type Backoff } from './backoff.ts';
import { clippedIndexes } from './indexes.ts';
import { failureCountOf, finishedAt, hasFailed, ignoredCountOf, indexOf, isTerminating, isTracked } from './pods.ts';
import { matchFailure } from './policies.ts';
import type { Job, JobSpec, JobStatus } from './types.ts';

/** What is known of an Indexed job's indexes. */
export interface Indexes {
  /** Those that the status says have succeeded. */
  counted: Interval[];
  /** These, and those whose pods have succeeded since. */
  succeeded: Interval[];
  /** Only where failures are limited by index. */
  failed?: Interval[];
  /** By index, the failed pod that is kept until there is its successor, which inherits its count of failures. */
  kept: ReadonlyMap<number, Pod>;
}

/** A job and its pods as one reconcile finds them. */
export interface JobView {
  /** The job as it was last stored. */
  job: Job;
  readonly spec: JobSpec;
  /** What its status is going to be; the steps of a reconcile write to it. */
  readonly status: JobStatus;
  readonly pods: readonly Pod[];
  readonly active: readonly Pod[];
  /** Of the pods that are no longer to be counted, though the cache may not know yet: their uids. */
  readonly released: ReadonlySet<string>;
  /** Pods that have succeeded, and failed, in all: those counted before and those that the cache shows. */
  readonly succeeded: number;
  readonly failed: number;
  readonly indexes: Indexes | undefined;
  readonly backoff: Backoff;
  readonly now: number;
}

export interface Known {
  released: ReadonlySet<string>;
  backoff: Backoff;
  now: number;
}

export function viewOf(job: Job, spec: JobSpec, pods: readonly Pod[], { released, backoff, now }: Known): JobView {
  const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
  const status: JobStatus = { ...job.status, uncountedTerminatedPods: { succeeded, failed } };
  // A job that is suspended from the beginning has not started.
  if (!spec.suspend) status.startTime ??= timestamp(now);
  const active = pods.filter(isActive);
  status.active = active.length;
  status.ready = active.filter(isReady).length;
  status.terminating = pods.filter(isTerminating).length;

  const countable = pods.filter((pod) => isTracked(pod) && !released.has(uidOf(pod)) && hasPlace(pod, spec));
  const uncounted = { succeeded: new Set(succeeded), failed: new Set(failed) };
  const newlySucceeded = countable.filter(
    (pod) => pod.status?.phase === 'Succeeded' && !uncounted.succeeded.has(uidOf(pod)),
  );
  const newlyFailed = countable.filter((pod) => hasFailed(pod, spec) && !uncounted.failed.has(uidOf(pod)));
  const failures = newlyFailed.filter((pod) => matchFailure(spec, pod).counts);
  const indexes = spec.completionMode === 'Indexed' ? indexesOf(job, spec, pods, active, countable) : undefined;
  return {
    job,
    spec,
    status,
    pods,
    active,
    released,
    succeeded: indexes
      ? countIndexes(indexes.succeeded)
      : (status.succeeded ?? 0) + newlySucceeded.length + succeeded.length,
    failed: (status.failed ?? 0) + failures.length + failed.length,
    indexes,
    backoff: advanceBackoff(backoff, newlySucceeded, newlyFailed),
    now,
  };
}

export function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? '';
}

/** Whether a pod works for the job: one of an Indexed job must be of an index that the job has. */
export function hasPlace(pod: Pod, { completionMode, completions = 0 }: JobSpec): boolean {
  if (completionMode !== 'Indexed') return true;
  const index = indexOf(pod);
  return index !== undefined && index < completions;
}

/** The indexes of pods, for those that have one. */
export function indexesAmong(pods: readonly Pod[]): Interval[] {
  return intervalsOf(pods.map(indexOf).filter((index) => index !== undefined));
}

function indexesOf(
  { status }: Job,
  spec: JobSpec,
  pods: readonly Pod[],
  active: readonly Pod[],
  countable: readonly Pod[],
): Indexes {
  const completions = spec.completions ?? 0;
  const tracked = pods.filter((pod) => isTracked(pod) && hasPlace(pod, spec));
  const counted = clippedIndexes(status?.completedIndexes, completions);
  const successes = tracked.filter((pod) => pod.status?.phase === 'Succeeded');
  const succeeded = mergeIndexes(counted, indexesAmong(successes));
  if (spec.backoffLimitPerIndex === undefined) return { counted, succeeded, kept: new Map() };
  const failures = tracked.filter((pod) => failsIndex(pod, spec));
  const failed = mergeIndexes(clippedIndexes(status?.failedIndexes, completions), indexesAmong(failures));
  const settled = [succeeded, failed, indexesAmong(active)].reduce(mergeIndexes);
  return { counted, succeeded, failed, kept: keptPods(countable, spec, settled) };
}

/** A failed pod that leaves its index no further try. */
function failsIndex(pod: Pod, spec: JobSpec): boolean {
  if (!hasFailed(pod, spec)) return false;
  const { action, counts } = matchFailure(spec, pod);
  return action === 'FailIndex' || (counts && failureCountOf(pod) >= (spec.backoffLimitPerIndex ?? 0));
}

/** The last failed pod of each index that waits for its next one. */
function keptPods(countable: readonly Pod[], spec: JobSpec, settled: readonly Interval[]): Map<number, Pod> {
  const kept = new Map<number, Pod>();
  for (const pod of countable) {
    const index = indexOf(pod);
    if (index === undefined || !hasFailed(pod, spec) || hasIndex(settled, index)) continue;
    const other = kept.get(index);
    if (!other || isLater(pod, other)) kept.set(index, pod);
  }
  return kept;
}

function isLater(pod: Pod, than: Pod): boolean {
  const count = (one: Pod): number => failureCountOf(one) + ignoredCountOf(one);
  return count(than) <= count(pod) && finishedAt(pod) >= finishedAt(than);
}
