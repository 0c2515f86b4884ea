import { type Condition, timestamp } from '../machinery/index.ts';

/** What a condition should say now; its transition time follows from what it said before. */
export interface ConditionState {
  type: string;
  ok: boolean | undefined;
  reason: string;
  message?: string;
}

/** A condition as it is written, keeping the transition time of an old one whose status is the same. */
export function conditionOf(
  state: ConditionState,
  old: readonly Condition[],
  at: { generation: number | undefined; now: Date },
): Condition {
  const status = state.ok === undefined ? 'Unknown' : state.ok ? 'True' : 'False';
  return {
    type: state.type,
    status,
    reason: state.reason,
    message: state.message ?? '',
    lastTransitionTime: sinceOf({ type: state.type, status }, old, at.now),
    ...(at.generation === undefined ? {} : { observedGeneration: at.generation }),
  };
}

/** Since when a condition has its status: since the old one had it, or since now. */
export function sinceOf(
  { type, status }: Pick<Condition, 'type' | 'status'>,
  old: readonly Condition[],
  now: Date,
): string {
  const before = old.find((condition) => condition.type === type);
  return (before?.status === status ? before.lastTransitionTime : undefined) ?? timestamp(now);
}

/** The conditions of a status, if it has a list of them. */
export function conditionsIn(status: unknown): Condition[] {
  if (typeof status !== 'object' || status === null || !('conditions' in status)) return [];
  return Array.isArray(status.conditions) ? status.conditions.filter(isCondition) : [];
}

export function isCondition(value: unknown): value is Condition {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
