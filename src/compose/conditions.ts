import type { Condition } from '../machinery/index.ts';

/** What a condition should say now; its transition time follows from what it said before. */
export interface ConditionState {
  type: string;
  ok: boolean | undefined;
  reason: string;
  message?: string;
}

/** RFC 3339 with whole seconds, UTC. */
export function timestamp(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}

/** A condition as it is written, keeping the transition time of an old one whose status is the same. */
export function conditionOf(
  state: ConditionState,
  old: readonly Condition[],
  at: { generation: number | undefined; now: Date },
): Condition {
  const status = state.ok === undefined ? 'Unknown' : state.ok ? 'True' : 'False';
  const before = old.find((condition) => condition.type === state.type);
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return {
    type: state.type,
    status,
    reason: state.reason,
    message: state.message ?? '',
    lastTransitionTime: since ?? timestamp(at.now),
    ...(at.generation === undefined ? {} : { observedGeneration: at.generation }),
  };
}

/** The conditions of a status, if it has a list of them. */
export function conditionsIn(status: unknown): Condition[] {
  if (typeof status !== 'object' || status === null || !('conditions' in status)) return [];
  return Array.isArray(status.conditions) ? status.conditions.filter(isCondition) : [];
}

export function isCondition(value: unknown): value is Condition {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
