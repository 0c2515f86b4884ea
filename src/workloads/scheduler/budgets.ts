import type { KubeObject, LabelSelectorSpec } from '../../machinery/index.ts';

type Spec = { selector?: LabelSelectorSpec };
type Status = { disruptionsAllowed?: number; disruptedPods?: Record<string, string> };

/** What the scheduler reads of a policy/v1 PodDisruptionBudget. */
export type PodDisruptionBudget = KubeObject<Spec, Status>;
