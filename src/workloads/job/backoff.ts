import type { Pod } from '../types.ts';
import { failureCountOf, finishedAt, ignoredCountOf } from './pods.ts';

/** Failures since the last success, and when the last was (milliseconds since the epoch). */
export interface Backoff {
  failures: number;
  lastFailure: number;
}

export const noBackoff: Backoff = { failures: 0, lastFailure: 0 };

const FIRST = 10_000;
const LONGEST = 10 * 60_000;

/** The back-off once these pods have ended too: a success begins it anew, and only failures after it count. */
export function advanceBackoff(current: Backoff, succeeded: readonly Pod[], failed: readonly Pod[]): Backoff {
  const failures = failed.map(finishedAt);
  if (succeeded.length === 0) {
    if (failures.length === 0) return current;
    return { failures: current.failures + failures.length, lastFailure: Math.max(...failures) };
  }
  const lastSuccess = Math.max(...succeeded.map(finishedAt));
  const later = failures.filter((time) => time > lastSuccess);
  return later.length === 0 ? noBackoff : { failures: later.length, lastFailure: Math.max(...later) };
}

/** In how many milliseconds the next pod may be created: 10 s after the first failure, doubling to 10 min. */
export function waitOf({ failures, lastFailure }: Backoff, now: number): number {
  if (failures === 0) return 0;
  const whole = Math.min(FIRST * 2 ** Math.min(failures - 1, 40), LONGEST);
  return Math.max(0, lastFailure + whole - now);
}

/** The same for the index of a failed pod, for jobs that limit failures by index. */
export function waitOfIndex(lastFailed: Pod | undefined, now: number): number {
  if (!lastFailed) return 0;
  const failures = failureCountOf(lastFailed) + ignoredCountOf(lastFailed) + 1;
  return waitOf({ failures, lastFailure: finishedAt(lastFailed) }, now);
}
