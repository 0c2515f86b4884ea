import type { Condition } from '../../machinery/index.ts';
import { withCondition } from '../conditions.ts';
import { isReady } from '../pods.ts';
import type { Pod } from '../types.ts';
import type { Expected } from './expected.ts';
import type { Budget, BudgetStatus } from './types.ts';

/** For so many milliseconds a pod that was evicted may be there without being deleted; then it counts as healthy again. */
const DELETION_TIMEOUT = 2 * 60_000;

export interface Disrupted {
  pods: Record<string, string>;
  /** Pods that were evicted long ago and were not deleted. */
  spared: Pod[];
  /** Milliseconds until the next of them has waited for long enough. */
  wait: number | undefined;
}

/** Which evicted pods are still on their way out. */
export function disruptedOf({ status }: Budget, pods: readonly Pod[], now: number): Disrupted {
  const disrupted: Disrupted = { pods: {}, spared: [], wait: undefined };
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const since = status?.disruptedPods?.[name];
    if (since === undefined || deletionTimestamp) continue;
    const left = Date.parse(since) + DELETION_TIMEOUT - now;
    if (left < 0) {
      disrupted.spared.push(pod);
      continue;
    }
    disrupted.pods[name] = since;
    disrupted.wait = Math.min(left, disrupted.wait ?? left);
  }
  return disrupted;
}

/** The status of a budget. A budget that selects nothing allows nothing: its first pods may be there unseen. */
export function budgetStatus(
  budget: Budget,
  pods: readonly Pod[],
  disrupted: Record<string, string>,
  { expected, desired }: Pick<Expected, 'expected' | 'desired'>,
): BudgetStatus {
  const leaving = new Set(Object.keys(disrupted));
  const healthy = pods.filter(
    (pod) => !pod.metadata.deletionTimestamp && !leaving.has(pod.metadata.name) && isReady(pod),
  ).length;
  const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0;
  const { generation } = budget.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(leaving.size > 0 ? { disruptedPods: disrupted } : {}),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: withLeave(budget.status?.conditions, generation, allowed > 0 ? LEAVE : NO_LEAVE),
  };
}

type Statement = Pick<Condition, 'status' | 'reason' | 'message'>;

const LEAVE: Statement = { status: 'True', reason: 'SufficientPods', message: '' };
const NO_LEAVE: Statement = { status: 'False', reason: 'InsufficientPods', message: '' };

/** The status when nobody knows better: no pod may go. */
export function failedStatus({ status }: Budget, error: Error): BudgetStatus {
  const { observedGeneration, conditions } = status ?? {};
  const why: Statement = { status: 'False', reason: 'SyncFailed', message: error.message };
  return {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...status,
    disruptionsAllowed: 0,
    conditions: withLeave(conditions, observedGeneration, why),
  };
}

function withLeave(
  conditions: readonly Condition[] | undefined,
  observedGeneration: number | undefined,
  stated: Statement,
): Condition[] {
  const seen = observedGeneration ? { observedGeneration } : {};
  return withCondition(conditions ?? [], { type: 'DisruptionAllowed', ...stated, ...seen });
}
