import { timestamp } from '../../machinery/index.ts';
import type { Job, JobCondition } from './types.ts';

type Finish = 'Complete' | 'Failed';

/** The condition with which a job ended; undefined while it has not. */
export function finishOf({ status }: Job): JobCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}

export function trueCondition(conditions: readonly JobCondition[], type: string): JobCondition | undefined {
  return conditions.find((condition) => condition.type === type && condition.status === 'True');
}

/** How a job is going to end, and why. */
export interface Verdict {
  outcome: Finish;
  reason: string;
  message: string;
}

/** What is said of a job as soon as its end is decided; the outcome itself follows when all of its pods have ended. */
export const announcements: Record<Finish, string> = { Complete: 'SuccessCriteriaMet', Failed: 'FailureTarget' };

export function newCondition(stated: Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>): JobCondition {
  const now = timestamp();
  const { type, status, reason, message } = stated;
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
}

/**
 * The conditions with this one among them, or undefined where that changes nothing: one that says the same is there, or
 * there is none and this one is False.
 */
export function withStated(
  conditions: readonly JobCondition[],
  stated: Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>,
): JobCondition[] | undefined {
  const current = conditions.find(({ type }) => type === stated.type);
  if (!current) return stated.status === 'False' ? undefined : [...conditions, newCondition(stated)];
  const same = (['status', 'reason', 'message'] as const).every((field) => current[field] === stated[field]);
  return same ? undefined : conditions.map((one) => (one === current ? newCondition(stated) : one));
}
