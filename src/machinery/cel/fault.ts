/** Why an expression has no value; `compileCel` adds the expression and the place. */
export class CelFault extends Error {
  /** Where, in UTF-16 units from the expression's start; filled in by the node that failed. */
  position: number | undefined;
}

/** A key, index or variable that does not exist (yet). */
export class MissingFault extends CelFault {
  readonly path: readonly string[];
  constructor(message: string, path: readonly string[]) {
    super(message);
    this.path = path;
  }
}

/** The budget of an evaluation is used up: unlike other faults, `||` and `&&` do not make up for it. */
export class BudgetFault extends Error {}
