import type { CelBudget } from './cel/budget.ts';
import type { StatusCause } from './status.ts';

/** Where a check is, and where its errors go. */
export interface At {
  path: string;
  /** The same place as rules name it, where that differs: keys of maps stand in brackets. */
  rulePath?: string;
  /** The stored value at this place, or undefined. */
  old: unknown;
  errors: StatusCause[];
  /** CEL rules to evaluate once everything else has passed: they may rely on the types. */
  rules: ((budget: CelBudget) => StatusCause[])[];
}

/** Checks one value and returns how many of its checks passed: what picks the best failure of an anyOf. */
export type Check = (value: unknown, at: At) => number;
