import { BudgetFault } from './fault.ts';

/** What one evaluation may cost at most, in kube-apiserver's units (about 50 ns each): its PerCallLimit. */
const PER_EVALUATION = 1_000_000;
/** The longest that one evaluation may take, in milliseconds: what no cost model foresees must end, too. */
const MAX_MILLISECONDS = 2_000;

/** What several evaluations may cost together; `left` goes down as they run. */
export interface CelBudget {
  left: number;
}

/** The costs of one evaluation. */
export class Meter {
  private spent = 0;
  private nextClock = 4_096;
  private readonly deadline = performance.now() + MAX_MILLISECONDS;
  private readonly limit: number;
  private readonly budget: CelBudget | undefined;

  constructor(budget: CelBudget | undefined) {
    this.budget = budget;
    this.limit = Math.min(PER_EVALUATION, budget?.left ?? PER_EVALUATION);
  }

  /** Throws BudgetFault when it is too much. */
  spend(units: number): void {
    this.spent += units;
    if (this.spent > this.limit) throw new BudgetFault('the expression costs too much to evaluate');
    if (this.spent < this.nextClock) return;
    this.nextClock = this.spent + 4_096;
    if (performance.now() > this.deadline) throw new BudgetFault('the expression takes too long to evaluate');
  }

  /** Charges the budget with what was spent. */
  settle(): void {
    if (this.budget) this.budget.left -= Math.min(this.spent, this.budget.left);
  }
}
