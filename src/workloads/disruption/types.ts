// What the disruption controller reads and writes of PodDisruptionBudgets (policy/v1).
import type { Condition, KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';

export type BudgetSpec = {
  /** A number of pods, or a share of them such as '30%'. At most one of the two is there. */
  minAvailable?: number | string;
  maxUnavailable?: number | string;
  selector?: LabelSelectorSpec;
};

export type BudgetStatus = {
  observedGeneration?: number;
  /** Pods that were evicted and are still there, by name, with the time of the eviction. */
  disruptedPods?: Record<string, string>;
  disruptionsAllowed: number;
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  conditions?: Condition[];
};

export type Budget = KubeObject<BudgetSpec, BudgetStatus>;
