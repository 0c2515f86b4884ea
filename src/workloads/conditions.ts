import { type Condition, timestamp } from '../machinery/index.ts';

/** The conditions with one set; the time of its last transition changes with its status only. */
export function withCondition(
  conditions: readonly Condition[],
  stated: Omit<Condition, 'lastTransitionTime'>,
): Condition[] {
  const before = conditions.find(({ type }) => type === stated.type);
  const since = before?.status === stated.status ? before.lastTransitionTime : timestamp();
  const condition: Condition = { ...stated, ...(since ? { lastTransitionTime: since } : {}) };
  return before ? conditions.map((each) => (each === before ? condition : each)) : [...conditions, condition];
}
