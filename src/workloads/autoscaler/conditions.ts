import { type Condition, timestamp } from '../../machinery/index.ts';

type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';

/** The conditions with one set; the time of its last transition changes with its status only. */
export function withCondition(
  conditions: readonly Condition[],
  type: ConditionType,
  status: boolean,
  reason: string,
  message: string,
): Condition[] {
  const before = conditions.find((each) => each.type === type);
  const text = status ? 'True' : 'False';
  const lastTransitionTime = before?.status === text ? before.lastTransitionTime : timestamp();
  const condition: Condition = {
    type,
    status: text,
    ...(lastTransitionTime ? { lastTransitionTime } : {}),
    reason,
    message,
  };
  return before ? conditions.map((each) => (each === before ? condition : each)) : [...conditions, condition];
}
